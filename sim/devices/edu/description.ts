/** The educational device of QEMU (docs/specs/edu.rst): conventional PCI, INTx and MSI, a small DMA engine. */
import type { FunctionDescription } from '../../pci/description.ts';

/** 1234:11e8, 256 bytes of configuration space. */
export const edu: FunctionDescription = {
  name: 'edu',
  vendor: 0x1234,
  device: 0x11e8,
  class: 0x00ff00,
  revision: 0x10,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 1,
  interruptLine: 0x0b,
  commandMask: 0x0507,
  command: 0x0101,
  configSize: 256,
  unassigned: 'memory',
  bars: [{ index: 0, kind: 'mem32', size: 0x100000, address: 0xfea0_0000 }],
  capabilities: [{ kind: 'msi', at: 0x40, body: '8000' }],
  model: 'edu',
};
