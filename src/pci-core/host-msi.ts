/** MSI of a function as the PCI core drives it (drivers/pci/msi). */
import type { Vector } from '../../sim/interrupts.ts';
import { CAP, MSI, MSI_FLAGS } from '../../sim/pci/registers.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import { pci_intx } from './host-device.ts';
import { allocateBlock, type HostVectors, silence } from './host-vectors.ts';
import { roundupPowerOfTwo } from './rom.ts';

export class HostMsi implements HostVectors {
  private readonly pdev: PciDevice;
  private readonly vectors: Vector[];
  private readonly count: number;
  private readonly at: number;
  private readonly wide: boolean;
  /** Offset of the per-vector mask register; 0: none. */
  private readonly maskAt: number;

  /** Programs the message, and switches MSI on with every vector masked. `vectors` is a whole block. */
  constructor(pdev: PciDevice, vectors: Vector[], count: number) {
    this.pdev = pdev;
    this.vectors = vectors;
    this.count = count;
    this.at = pdev.capability(CAP.MSI);
    const flags = pdev.readConfig(this.at + MSI.FLAGS, 2);
    this.wide = (flags & MSI_FLAGS.X64BIT) !== 0;
    this.maskAt = flags & MSI_FLAGS.MASKBIT ? this.at + (this.wide ? MSI.MASK_64 : MSI.MASK_32) : 0;
    this.setMask(0xffff_ffff);
    this.writeMessage(vectors[0]!.address, vectors[0]!.data);
    const multiple = Math.log2(vectors.length);
    pci_intx(pdev, false);
    pdev.writeConfig(this.at + MSI.FLAGS, 2, (flags & ~MSI_FLAGS.QSIZE) | (multiple << 4) | MSI_FLAGS.ENABLE);
    pdev.msi = { multiple, address: vectors[0]!.address, data: vectors[0]!.data };
  }

  has(index: number): boolean {
    return index < this.count;
  }

  allocateAt(): number {
    return -ERRNO.EINVAL;
  }

  request(index: number, handler: () => void): void {
    this.vectors[index]!.handler = handler;
    if (this.maskAt) this.setMask(this.pdev.readConfig(this.maskAt, 4) & ~(1 << index));
  }

  release(index: number): void {
    silence(this.vectors[index]!);
    if (this.maskAt) this.setMask(this.pdev.readConfig(this.maskAt, 4) | (1 << index));
  }

  /** pci_msi_shutdown, then the interrupt domain clears the message. */
  shutdown(): void {
    const flags = this.pdev.readConfig(this.at + MSI.FLAGS, 2);
    this.pdev.writeConfig(this.at + MSI.FLAGS, 2, flags & ~MSI_FLAGS.ENABLE);
    this.pdev.msi = undefined;
    pci_intx(this.pdev, true);
    this.setMask(0);
    this.writeMessage(0, 0);
    for (const vector of this.vectors) this.pdev.freeVector(vector);
  }

  private setMask(mask: number): void {
    if (this.maskAt) this.pdev.writeConfig(this.maskAt, 4, mask >>> 0);
  }

  private writeMessage(address: number, data: number): void {
    const { pdev, at } = this;
    pdev.writeConfig(at + MSI.ADDRESS_LO, 4, address >>> 0);
    if (this.wide) pdev.writeConfig(at + MSI.ADDRESS_HI, 4, Math.floor(address / 2 ** 32));
    pdev.writeConfig(at + (this.wide ? MSI.DATA_64 : MSI.DATA_32), 2, data);
  }
}

/**
 * pci_alloc_irq_vectors for MSI, minimum 1: MSI with `count` vectors on; or, fewer being available, that positive
 * number and nothing on; or a negated errno.
 */
export function enableMsi(pdev: PciDevice, count: number): HostMsi | number {
  if (count < 1) return -ERRNO.ERANGE;
  if (pdev.function.powerState !== 0) return -ERRNO.EINVAL;
  const flags = pdev.readConfig(pdev.capability(CAP.MSI) + MSI.FLAGS, 2);
  const supported = 1 << ((flags & MSI_FLAGS.QMASK) >> 1);
  if (count > supported) return supported;
  // Several messages of one function need interrupt remapping.
  if (count > 1 && pdev.group?.isolatedMsi === false) return 1;
  // msi_setup_msi_desc
  if (pdev.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const vectors = allocateBlock(pdev, roundupPowerOfTwo(count));
  return vectors === undefined ? -ERRNO.ENOSPC : new HostMsi(pdev, vectors, count);
}
