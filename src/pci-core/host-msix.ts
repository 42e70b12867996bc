/** MSI-X of a function as the PCI core drives it (drivers/pci/msi): the host owns the table. */
import type { Vector } from '../../sim/interrupts.ts';
import { CAP, MSIX, MSIX_ENTRY, MSIX_ENTRY_CTRL_MASKBIT, MSIX_FLAGS } from '../../sim/pci/registers.ts';
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { BarAccess, PciDevice } from '../kernel/pci/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import { pci_intx } from './host-device.ts';
import { allocateVector, type HostVectors, silence } from './host-vectors.ts';

export class HostMsix implements HostVectors {
  private readonly pdev: PciDevice;
  private readonly vectors: Map<number, Vector>;
  private readonly at: number;
  private readonly size: number;
  private readonly table: BarAccess;
  private readonly tableOffset: number;

  /** Switches MSI-X on with every entry masked (msix_capability_init). */
  constructor(pdev: PciDevice, vectors: Vector[]) {
    this.pdev = pdev;
    this.vectors = new Map(vectors.map((vector, index) => [index, vector] as const));
    this.at = pdev.capability(CAP.MSIX);
    const flags = pdev.readConfig(this.at + MSIX.FLAGS, 2);
    const table = pdev.readConfig(this.at + MSIX.TABLE, 4);
    this.size = (flags & MSIX_FLAGS.QSIZE) + 1;
    this.table = pdev.bar(table & 7);
    this.tableOffset = (table & ~7) >>> 0;
    pdev.msixTable = zeroedBytes(this.size * MSIX_ENTRY.SIZE).slice();
    this.control(MSIX_FLAGS.MASKALL | MSIX_FLAGS.ENABLE, 0);
    for (const [index, vector] of this.vectors) this.writeMessage(index, vector.address, vector.data);
    pci_intx(pdev, false);
    for (let index = 0; index < this.size; index++) this.mask(index, true);
    this.control(0, MSIX_FLAGS.MASKALL);
    pdev.msixEnabled = true;
  }

  has(index: number): boolean {
    return this.vectors.has(index);
  }

  allocateAt(index: number): number {
    if (index >= this.size) return -ERRNO.EINVAL;
    if (this.pdev.faults.allocation.fails()) return -ERRNO.ENOMEM;
    const vector = allocateVector(this.pdev);
    if (vector === undefined) return -ERRNO.ENOSPC;
    this.vectors.set(index, vector);
    this.writeMessage(index, vector.address, vector.data);
    return 0;
  }

  request(index: number, handler: () => void): void {
    const vector = this.vectors.get(index)!;
    this.writeMessage(index, vector.address, vector.data);
    vector.handler = handler;
    this.mask(index, false);
  }

  release(index: number): void {
    this.mask(index, true);
    silence(this.vectors.get(index)!);
  }

  /** pci_msix_shutdown, then the interrupt domain clears the messages. */
  shutdown(): void {
    for (const index of this.vectors.keys()) this.mask(index, true);
    this.control(0, MSIX_FLAGS.ENABLE);
    this.pdev.msixEnabled = false;
    this.pdev.msixTable = undefined;
    pci_intx(this.pdev, true);
    for (const [index, vector] of this.vectors) {
      this.writeMessage(index, 0, 0);
      this.pdev.freeVector(vector);
    }
  }

  private control(set: number, clear: number): void {
    const flags = this.pdev.readConfig(this.at + MSIX.FLAGS, 2);
    this.pdev.writeConfig(this.at + MSIX.FLAGS, 2, (flags | set) & ~clear);
  }

  private entry(index: number): number {
    return this.tableOffset + index * MSIX_ENTRY.SIZE;
  }

  private mask(index: number, on: boolean): void {
    const at = this.entry(index) + MSIX_ENTRY.CTRL;
    const control = this.table.read(at, 4);
    const changed = (on ? control | MSIX_ENTRY_CTRL_MASKBIT : control & ~MSIX_ENTRY_CTRL_MASKBIT) >>> 0;
    this.table.write(at, 4, changed);
    this.remember(index, MSIX_ENTRY.CTRL, changed);
  }

  private writeMessage(index: number, address: number, data: number): void {
    const at = this.entry(index);
    this.table.write(at + MSIX_ENTRY.ADDR_LO, 4, address >>> 0);
    this.table.write(at + MSIX_ENTRY.ADDR_HI, 4, Math.floor(address / 0x1_0000_0000));
    this.table.write(at + MSIX_ENTRY.DATA, 4, data);
    this.remember(index, MSIX_ENTRY.ADDR_LO, address >>> 0);
    this.remember(index, MSIX_ENTRY.ADDR_HI, Math.floor(address / 0x1_0000_0000));
    this.remember(index, MSIX_ENTRY.DATA, data);
  }

  /** What was written last is what a reset has to bring back. */
  private remember(index: number, field: number, value: number): void {
    const { msixTable } = this.pdev;
    if (msixTable !== undefined) viewOf(msixTable).setUint32(index * MSIX_ENTRY.SIZE + field, value, true);
  }
}

/** pci_alloc_irq_vectors for MSI-X, minimum 1: as for MSI. */
export function enableMsix(pdev: PciDevice, count: number): HostMsix | number {
  if (count < 1) return -ERRNO.ERANGE;
  if (pdev.function.powerState !== 0) return -ERRNO.EINVAL;
  const supported = (pdev.readConfig(pdev.capability(CAP.MSIX) + MSIX.FLAGS, 2) & MSIX_FLAGS.QSIZE) + 1;
  if (count > supported) return supported;
  // msi_add_msi_desc
  if (pdev.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const vectors: Vector[] = [];
  while (vectors.length < count) {
    const vector = allocateVector(pdev);
    if (vector === undefined) {
      for (const allocated of vectors) pdev.freeVector(allocated);
      return -ERRNO.ENOSPC;
    }
    vectors.push(vector);
  }
  return new HostMsix(pdev, vectors);
}
