/** A device that is bound to a user's iommufd, with its DMA in the test's hands. */
import type { DevicePorts } from '../../sim/pci/model.ts';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import type { Process } from '../../src/kernel/process.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import type { User } from './rig-user.ts';

/** A device bound to the user's iommufd, and its DMA engine. */
export class Device {
  readonly id: number;
  readonly fd: number;
  readonly dma: DevicePorts['dma'];
  private readonly process: Process;
  private readonly page: number;

  constructor(user: User, fd: number, ports: DevicePorts) {
    this.process = user.process;
    this.page = user.allocate(0x1000);
    this.fd = fd;
    this.dma = ports.dma;
    const error = this.call(VFIO.DEVICE_BIND_IOMMUFD, 16, 0, user.fd, 0);
    if (error !== 0) throw new Error(`BIND: ${error}`);
    this.id = this.word(12);
    this.process.memory.write(this.page, Uint8Array.of(COMMAND.MASTER | COMMAND.MEMORY));
    this.process.pwrite(fd, this.page, 1, 7 * 2 ** 40 + PCI.COMMAND);
  }

  /** ATTACH: the page table that is used, or a negated errno. */
  attach(ptId: number, pasid?: number): number {
    const error =
      pasid === undefined
        ? this.call(VFIO.DEVICE_ATTACH_IOMMUFD_PT, 12, 0, ptId)
        : this.call(VFIO.DEVICE_ATTACH_IOMMUFD_PT, 16, 1, ptId, pasid);
    return error < 0 ? error : this.word(8);
  }

  detach(pasid?: number): number {
    if (pasid === undefined) return this.call(VFIO.DEVICE_DETACH_IOMMUFD_PT, 8, 0);
    return this.call(VFIO.DEVICE_DETACH_IOMMUFD_PT, 12, 1, pasid);
  }

  close(): number {
    return this.process.close(this.fd);
  }

  /** Whether the device can write a byte there. */
  writes(iova: number, pasid?: number): boolean {
    return this.dma.write(iova, Uint8Array.of(0xa5), pasid);
  }

  /** The byte the device reads there; undefined: it is kept from it. */
  reads(iova: number, pasid?: number): number | undefined {
    const into = new Uint8Array(1);
    return this.dma.read(iova, into, pasid) ? into[0] : undefined;
  }

  private call(command: number, ...words: number[]): number {
    this.process.memory.write(this.page, new Uint8Array(Uint32Array.from(words).buffer));
    return this.process.ioctl(this.fd, command, this.page);
  }

  private word(offset: number): number {
    return new DataView(this.process.memory.read(this.page + offset, 4)!.buffer).getUint32(0, true);
  }
}
