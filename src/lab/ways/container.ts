/** By the group: a container with type1, or an iommufd that acts as one. */
import { ContainerClient } from '../../client/container.ts';
import type { DeviceClient } from '../../client/device.ts';
import type { Scratch } from '../../client/scratch.ts';
import type { Process } from '../../kernel/process.ts';
import { EXTENSION } from '../../uapi/vfio.ts';
import type { Way, WayKind } from './way.ts';

const UNMAP_ALL = 2;

export class ContainerWay implements Way {
  readonly client: ContainerClient;
  readonly groupFd: number;
  private readonly name: string;
  private readonly iommu: number;

  constructor(process: Process, scratch: Scratch, group: number, name: string, kind: WayKind) {
    this.name = name;
    this.iommu = kind === 'type1' ? EXTENSION.TYPE1_IOMMU : EXTENSION.TYPE1v2_IOMMU;
    this.client = new ContainerClient(process, scratch, kind === 'compat' ? '/dev/iommu' : '/dev/vfio/vfio');
    this.groupFd = this.client.addGroup(group, this.iommu);
  }

  open(): DeviceClient | number {
    return this.client.openDevice(this.groupFd, this.name);
  }

  map(vaddr: number, iova: number, length: number, flags: number): number {
    return this.client.map(vaddr, iova, length, flags);
  }

  unmap(iova: number, size: number, all: boolean): number {
    return this.client.unmap(iova, size, all ? UNMAP_ALL : 0);
  }

  /** Leaves the container, whose mappings go with it. */
  leave(command: number): number {
    return this.client.process.ioctl(this.groupFd, command, 0);
  }

  join(): number {
    return this.client.join(this.groupFd, this.iommu);
  }
}
