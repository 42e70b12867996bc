/** By the character device: bound to an iommufd, attached to an address space in it. */
import type { DeviceClient } from '../../client/device.ts';
import { IommufdClient } from '../../client/iommufd.ts';
import type { Scratch } from '../../client/scratch.ts';
import type { Process } from '../../kernel/process.ts';
import { IOAS_MAP_FLAG } from '../../uapi/iommufd.ts';
import type { Assigned } from '../profiles/profile.ts';
import type { Way } from './way.ts';

export class IoasWay implements Way {
  readonly client: IommufdClient;
  /** The address space that the device is attached to. */
  readonly ioas: number;
  /** The device's id, while it is open. */
  id: number | undefined;
  private readonly cdev: string;
  private readonly token: Uint8Array | undefined;

  constructor(process: Process, scratch: Scratch, { cdev, token }: Assigned) {
    this.client = new IommufdClient(process, '/dev/iommu', scratch);
    this.ioas = this.client.allocIoas();
    this.cdev = cdev;
    this.token = token;
  }

  open(token = { uuid: this.token }): DeviceClient | number {
    const opened = this.client.open(this.cdev, token.uuid);
    if (typeof opened === 'number') return opened;
    const attached = this.client.attach(opened.device.fd, this.ioas);
    if (attached < 0) {
      opened.device.close();
      return attached;
    }
    this.id = opened.id;
    return opened.device;
  }

  map(vaddr: number, iova: number, length: number, flags: number): number {
    // Bits 1 and 2 of type1 are bits 2 and 1 here (IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE).
    const { READABLE, WRITEABLE } = IOAS_MAP_FLAG;
    const how = (flags & 1 ? READABLE : 0) | (flags & 2 ? WRITEABLE : 0) | (flags & ~3 ? ~0xf >>> 0 : 0);
    const result = this.client.map(this.ioas, vaddr, length, iova, how);
    return result < 0 ? result : 0;
  }

  unmap(iova: number, size: number, all: boolean): number {
    return all ? this.client.unmapAll(this.ioas) : this.client.unmap(this.ioas, iova, size);
  }
}
