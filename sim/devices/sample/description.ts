/** The tally device as a PCI function. It exists nowhere: it is what the sample variant drives. */
import type { FunctionDescription } from '../../pci/description.ts';

/** A PCI Express endpoint with FLR and one MSI; registers in BAR 0, the state window in BAR 2. */
export const SAMPLE_DESCRIPTION: FunctionDescription = {
  name: 'sample',
  model: 'sample',
  vendor: 0x1234,
  device: 0x7a11,
  class: 0x00ff00,
  bars: [
    { index: 0, kind: 'mem32', size: 0x1000 },
    { index: 2, kind: 'mem32', size: 0x1000 },
  ],
  capabilities: [
    { kind: 'exp', at: 0x40, body: '0200008000100000' },
    { kind: 'msi', at: 0x80, body: '8000' },
  ],
};
