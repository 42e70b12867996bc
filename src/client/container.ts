/** Groups, containers and DMA mappings for programs: a thin, typed layer over the door. Errors stay negated errnos. */
import type { Process } from '../kernel/process.ts';
import { EXTENSION, iommu_type1_dma_map, iommu_type1_dma_unmap, iommu_type1_info, VFIO } from '../uapi/vfio.ts';
import { DeviceClient } from './device.ts';
import { Scratch } from './scratch.ts';

/** A container with one type1 v2 IOMMU. */
export class ContainerClient {
  readonly process: Process;
  readonly scratch: Scratch;
  readonly fd: number;

  /** `path` can be /dev/iommu: an iommufd that acts as a container. */
  constructor(process: Process, scratch = new Scratch(process), path = '/dev/vfio/vfio') {
    this.process = process;
    this.scratch = scratch;
    this.fd = process.open(path);
  }

  /** Opens a group, puts it into this container, and sets the IOMMU if it is the first. The group fd, or an errno. */
  addGroup(group: number | string, iommu: number = EXTENSION.TYPE1v2_IOMMU): number {
    const fd = this.process.open(`/dev/vfio/${group}`);
    if (fd < 0) return fd;
    const joined = this.join(fd, iommu);
    return joined < 0 ? joined : fd;
  }

  /** Puts an open group into this container, and sets the IOMMU if it is the first: 0, or an errno. */
  join(groupFd: number, iommu: number = EXTENSION.TYPE1v2_IOMMU): number {
    this.scratch.begin(4).setInt32(0, this.fd, true);
    const set = this.process.ioctl(groupFd, VFIO.GROUP_SET_CONTAINER, this.scratch.put(4));
    if (set < 0) return set;
    this.process.ioctl(this.fd, VFIO.SET_IOMMU, iommu);
    return 0;
  }

  /** GET_DEVICE_FD; `name` is `0000:bb:dd.f`, optionally with ` vf_token=...`. */
  openDevice(groupFd: number, name: string): DeviceClient | number {
    const bytes = Buffer.from(`${name}\0`);
    const fd = this.process.ioctl(groupFd, VFIO.GROUP_GET_DEVICE_FD, this.scratch.load(bytes));
    return fd < 0 ? fd : new DeviceClient(this.process, fd, this.scratch);
  }

  /** VFIO_IOMMU_MAP_DMA; flags 1 read, 2 write. */
  map(vaddr: number, iova: number, size: number, flags = 3): number {
    const { at, size: length } = iommu_type1_dma_map;
    const view = this.scratch.begin(length);
    view.setUint32(at.argsz, length, true);
    view.setUint32(at.flags, flags, true);
    setNumber64(view, at.vaddr, vaddr);
    setNumber64(view, at.iova, iova);
    setNumber64(view, at.size, size);
    return this.process.ioctl(this.fd, VFIO.IOMMU_MAP_DMA, this.scratch.put(length));
  }

  /** VFIO_IOMMU_GET_INFO with room for `argsz` bytes: the struct and its capabilities, or an errno. */
  info(argsz = 256): Uint8Array | number {
    this.scratch.begin(argsz).setUint32(iommu_type1_info.at.argsz, argsz, true);
    const result = this.process.ioctl(this.fd, VFIO.IOMMU_GET_INFO, this.scratch.put(argsz));
    if (result < 0) return result;
    this.scratch.take(argsz);
    return this.scratch.bytes.slice(0, argsz);
  }

  /** VFIO_IOMMU_UNMAP_DMA; the bytes unmapped, or an errno. */
  unmap(iova: number, size: number, flags = 0): number {
    const { at, size: length } = iommu_type1_dma_unmap;
    const view = this.scratch.begin(length);
    view.setUint32(at.argsz, length, true);
    view.setUint32(at.flags, flags, true);
    setNumber64(view, at.iova, iova);
    setNumber64(view, at.size, size);
    const result = this.process.ioctl(this.fd, VFIO.IOMMU_UNMAP_DMA, this.scratch.put(length));
    return result < 0 ? result : number64(this.scratch.take(length), at.size);
  }
}

/** Writes a number below 2^53 as u64. */
export function setNumber64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Reads a u64 as a number; exact below 2^53. */
export function number64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
