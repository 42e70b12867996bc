/** MSI-X of the PF, as pci_alloc_irq_vectors sets it up: table entries through the BAR, then the enable bit. */
import type { PciDevice } from '../../../src/kernel/pci/device.ts';

/** Capability id and registers (PCI Express base specification, 7.7.2). */
const MSIX = { ID: 0x11, CONTROL: 0x02, TABLE: 0x04, ENABLE: 0x8000, FUNCTION_MASK: 0x4000, ENTRY: 0x10 } as const;

export interface MsixVectors {
  free(): void;
}

/** Gives vector n of the device to `handlers[n]`; undefined when the host has too few or the device no MSI-X. */
export function enableMsix(device: PciDevice, handlers: readonly (() => void)[]): MsixVectors | undefined {
  const at = device.capability(MSIX.ID);
  if (at === 0) return undefined;
  const table = device.readConfig(at + MSIX.TABLE, 4);
  const bar = device.bar(table & 7);
  const vectors: NonNullable<ReturnType<PciDevice['allocateVector']>>[] = [];
  for (const handler of handlers) {
    const vector = device.allocateVector(handler);
    if (vector === undefined) {
      for (const other of vectors) device.freeVector(other);
      return undefined;
    }
    const entry = (table & ~7) + vectors.length * MSIX.ENTRY;
    bar.write(entry, 4, vector.address >>> 0);
    bar.write(entry + 4, 4, Math.floor(vector.address / 0x1_0000_0000));
    bar.write(entry + 8, 4, vector.data);
    bar.write(entry + 12, 4, 0);
    vectors.push(vector);
  }
  const control = device.readConfig(at + MSIX.CONTROL, 2);
  device.writeConfig(at + MSIX.CONTROL, 2, (control & ~MSIX.FUNCTION_MASK) | MSIX.ENABLE);
  device.msixEnabled = true;
  return {
    free() {
      device.writeConfig(at + MSIX.CONTROL, 2, control);
      device.msixEnabled = false;
      for (const vector of vectors) device.freeVector(vector);
    },
  };
}
