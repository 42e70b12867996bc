/** What the hardware of a function tells the lab about how to work it. */
import { CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import type { FunctionTemplate } from '../../../sim/pci/template.ts';
import { PCI_IRQ } from '../../uapi/vfio.ts';
import { type Tenant, VECTORS } from '../tenant.ts';
import type { DeviceProfile, Guarded } from './profile.ts';

/** Registers at the start of a BAR that are worth touching. */
const FIRST_REGISTERS = 16;

/** Words at the start of the first BAR in memory, and both sides of its end. */
export function registersOf({ description: { bars = [] } }: FunctionTemplate): Pick<DeviceProfile, 'registers'> {
  const bar = bars.find(({ kind }) => kind !== 'io');
  if (bar === undefined) return {};
  const first = Array.from({ length: Math.min(FIRST_REGISTERS, bar.size / 4) }, (_, index) => 4 * index);
  return { registers: { bar: bar.index, offsets: [...first, bar.size - 4, bar.size] } };
}

/** Of MSI-X, else of MSI; as many as the lab arms. */
export function vectorsOf(template: FunctionTemplate): Pick<DeviceProfile, 'vectors'> {
  const word = wordOf(template);
  const msix = capability(template, CAP.MSIX);
  if (msix !== 0) {
    const count = 1 + (word(msix + MSIX.FLAGS) & MSIX_FLAGS.QSIZE);
    return { vectors: { index: PCI_IRQ.MSIX, count: Math.min(count, VECTORS) } };
  }
  const msi = capability(template, CAP.MSI);
  if (msi === 0) return {};
  const count = 1 << ((word(msi + MSI.FLAGS) & MSI_FLAGS.QMASK) >> 1);
  return { vectors: { index: PCI_IRQ.MSI, count: Math.min(count, VECTORS) } };
}

/** What the host programmed and a user's configuration write must leave alone. */
export function guardedOf(template: FunctionTemplate): Guarded {
  const read = ({ fn }: Tenant, at: number, width: 1 | 2 | 4): number => fn!.config.read(at, width);
  const msix = capability(template, CAP.MSIX);
  if (msix !== 0)
    return { what: 'how the host programmed MSI-X', value: (tenant) => read(tenant, msix + MSIX.FLAGS, 2) };
  const msi = capability(template, CAP.MSI);
  if (msi === 0) return { what: 'where the host placed BAR 0', value: (tenant) => read(tenant, PCI.BASE_ADDRESS_0, 4) };
  const data = msi + ((wordOf(template)(msi + MSI.FLAGS) & MSI_FLAGS.X64BIT) !== 0 ? MSI.DATA_64 : MSI.DATA_32);
  return {
    what: 'where the host sends its MSI',
    value: (tenant) => read(tenant, msi + MSI.ADDRESS_LO, 4) * 0x1_0000 + read(tenant, data, 2),
  };
}

const capability = ({ capabilities }: FunctionTemplate, id: number): number =>
  capabilities.find((each) => each.id === id && !each.extended)?.at ?? 0;

const wordOf =
  ({ reset }: FunctionTemplate) =>
  (at: number): number =>
    reset[at]! | (reset[at + 1]! << 8);
