/** By the group: a container with type1, or an iommufd that acts as one. */
import { ContainerClient } from '../../client/container.ts';
import type { DeviceClient } from '../../client/device.ts';
import type { Scratch } from '../../client/scratch.ts';
import type { Process } from '../../kernel/process.ts';
import { EXTENSION, group_status, VFIO } from '../../uapi/vfio.ts';
import type { Assigned } from '../profiles/profile.ts';
import type { Way, WayKind } from './way.ts';

const UNMAP_ALL = 2;
/** What is asked of a container; one that is an iommufd acts as type1 v2. */
const IOMMUS: Readonly<Record<WayKind, number>> = {
  type1v2: EXTENSION.TYPE1v2_IOMMU,
  type1: EXTENSION.TYPE1_IOMMU,
  compat: EXTENSION.TYPE1v2_IOMMU,
  cdev: EXTENSION.TYPE1v2_IOMMU,
  noiommu: EXTENSION.NOIOMMU_IOMMU,
};

export class ContainerWay implements Way {
  readonly client: ContainerClient;
  groupFd: number;
  private readonly name: string;
  private readonly token: Uint8Array | undefined;
  private readonly path: number | string;
  private readonly iommu: number;

  constructor(process: Process, scratch: Scratch, { group, name, token }: Assigned, kind: WayKind) {
    this.name = name;
    this.token = token;
    this.path = group;
    this.iommu = IOMMUS[kind];
    this.client = new ContainerClient(process, scratch, kind === 'compat' ? '/dev/iommu' : '/dev/vfio/vfio');
    this.groupFd = this.client.addGroup(group, this.iommu);
  }

  open(token = { uuid: this.token }): DeviceClient | number {
    const { uuid } = token;
    return this.client.openDevice(this.groupFd, uuid === undefined ? this.name : `${this.name} vf_token=${text(uuid)}`);
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

  /** The group's file still has a group behind it. */
  get alive(): boolean {
    const { size, at } = group_status;
    this.client.scratch.begin(size).setUint32(at.argsz, size, true);
    return this.client.process.ioctl(this.groupFd, VFIO.GROUP_GET_STATUS, this.client.scratch.put(size)) === 0;
  }

  /** The group's file again, after the group has gone and come back. 0, or an errno. */
  rejoin(): number {
    this.client.process.close(this.groupFd);
    this.groupFd = this.client.addGroup(this.path, this.iommu);
    return Math.min(this.groupFd, 0);
  }
}

/** 16 bytes as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
function text(uuid: Uint8Array): string {
  return Buffer.from(uuid)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
