/** A container with type1, and the groups that come and go in it. */
import { number64 } from '../../client/container.ts';
import { zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { EXTENSION, iommu_type1_dma_map, iommu_type1_dma_unmap, VFIO } from '../../uapi/vfio.ts';
import { VfioContainer } from '../../vfio/container.ts';
import { Type1 } from '../../vfio/type1/type1.ts';
import { Type1Reference } from '../reference/type1.ts';
import type { BitmapArgument } from '../reference/type1-entry.ts';
import type { Bench } from './bench.ts';
import type { BenchDevice } from './device.ts';

/** Groups with an IOMMU by the devices that are played with, and last the emulated one. */
export interface BenchGroup {
  readonly path: string;
  readonly devices: readonly BenchDevice[];
  readonly translated: boolean;
  fd: number;
  joined: boolean;
  /** Descriptor of the emulated device. */
  pinnerFd: number;
}

/** Bytes from the scratch memory's start to where bitmaps are. */
const BITMAP_AT = 0x1_0000;
const BITMAP_ROOM = 0x2000;
const GONE = 0x1000;
/** Where bitmaps begin in their page, by what is asked for; all others at its start. */
const BEGINNINGS: ReadonlyMap<number, number> = new Map([
  [6, 8],
  [7, 4088],
  [8, 4093],
]);

export class Type1Bench {
  readonly reference: Type1Reference;
  readonly groups: readonly BenchGroup[];
  readonly fd: number;
  readonly helperFd: number;
  private readonly bench: Bench;
  private readonly kind: number;
  /** The last unmap left the size as the user wrote it, as one that fails must. */
  sizeKept = true;
  /** Address of the last bitmap. */
  private bitmapAt = 0;

  constructor(bench: Bench, v2: boolean, limit: number, aperture: readonly [number, number]) {
    this.bench = bench;
    this.kind = v2 ? EXTENSION.TYPE1v2_IOMMU : EXTENSION.TYPE1_IOMMU;
    this.reference = new Type1Reference(v2, limit, aperture);
    this.fd = bench.process.open('/dev/vfio/vfio');
    this.helperFd = bench.process.send(this.fd, bench.helper);
    const ids = [...new Set(bench.devices.map(({ group }) => group))];
    const real = ids.map((id) =>
      groupAt(
        `/dev/vfio/${id}`,
        bench.devices.filter(({ group }) => group === id),
      ),
    );
    const { pinner } = bench;
    this.groups = pinner === undefined ? real : [...real, groupAt(pinner.vdev.group!.path, [])];
    this.reference.attach(true);
    this.join(0);
  }

  /** Opens the group, puts it into the container, sets the IOMMU, and opens its devices: 0, or an errno. */
  join(index: number): number {
    const group = this.groups[index]!;
    const { process, scratch, pinner } = this.bench;
    group.fd = process.open(group.path);
    if (group.fd < 0) return group.fd;
    scratch.begin(4).setInt32(0, this.fd, true);
    const set = process.ioctl(group.fd, VFIO.GROUP_SET_CONTAINER, scratch.put(4));
    const error = set < 0 ? set : this.setIommu();
    if (error < 0) {
      process.close(group.fd);
      return error;
    }
    group.joined = true;
    for (const device of group.devices) {
      device.fd = this.open(group, device.name);
      device.start(process, scratch);
    }
    if (!group.translated) group.pinnerFd = this.open(group, pinner!.vdev.name);
    return 0;
  }

  /** Closes its devices, and lets the group go. */
  leave(index: number): number {
    const group = this.groups[index]!;
    const { process } = this.bench;
    for (const device of group.devices) {
      process.close(device.fd!);
      device.fd = undefined;
    }
    if (!group.translated) process.close(group.pinnerFd);
    group.joined = false;
    const result = process.ioctl(group.fd, VFIO.GROUP_UNSET_CONTAINER, 0);
    process.close(group.fd);
    return result;
  }

  map(process: Process, argsz: number, flags: number, vaddr: bigint, iova: bigint, size: bigint): number {
    const { at, size: length } = iommu_type1_dma_map;
    const helps = process === this.bench.helper;
    const scratch = helps ? this.bench.helperScratch : this.bench.scratch;
    const view = scratch.begin(length);
    view.setUint32(at.argsz, argsz, true);
    view.setUint32(at.flags, flags, true);
    view.setBigUint64(at.vaddr, vaddr, true);
    view.setBigUint64(at.iova, iova, true);
    view.setBigUint64(at.size, size, true);
    return process.ioctl(helps ? this.helperFd : this.fd, VFIO.IOMMU_MAP_DMA, scratch.put(length));
  }

  /** The bytes that the kernel says are unmapped, or an errno. */
  unmap(argsz: number, flags: number, iova: bigint, size: bigint, bitmap: BitmapArgument): number {
    const { scratch, process } = this.bench;
    const { at, size: length } = iommu_type1_dma_unmap;
    const view = scratch.begin(length + 24);
    view.setUint32(at.argsz, argsz, true);
    view.setUint32(at.flags, flags, true);
    view.setBigUint64(at.iova, iova, true);
    view.setBigUint64(at.size, size, true);
    putBitmap(view, length, bitmap);
    const result = process.ioctl(this.fd, VFIO.IOMMU_UNMAP_DMA, scratch.put(length + 24));
    const told = scratch.take(length);
    this.sizeKept = told.getBigUint64(at.size, true) === size;
    return result < 0 ? result : number64(told, at.size);
  }

  dirtyPages(argsz: number, flags: number, iova: bigint, size: bigint, bitmap: BitmapArgument): number {
    const { scratch, process } = this.bench;
    const view = scratch.begin(48);
    view.setUint32(0, argsz, true);
    view.setUint32(4, flags, true);
    view.setBigUint64(8, iova, true);
    view.setBigUint64(16, size, true);
    putBitmap(view, 24, bitmap);
    return process.ioctl(this.fd, VFIO.IOMMU_DIRTY_PAGES, scratch.put(48));
  }

  /** A bitmap argument for a range, its memory cleared; `kind` chooses what is wrong with it. */
  bitmap(kind: number, pageSize: bigint, size: bigint): BitmapArgument {
    const { process, scratch } = this.bench;
    const pages = Number(size / 4096n);
    const bytes = BigInt(Math.min(BITMAP_ROOM, Math.ceil(pages / 64) * 8));
    this.bitmapAt = scratch.address + BITMAP_AT + (BEGINNINGS.get(kind) ?? 0);
    const good = { pageSize, bytes, address: BigInt(this.bitmapAt), good: true };
    process.memory.write(this.bitmapAt, zeroedBytes(Number(bytes)));
    switch (kind) {
      case 1:
        return { ...good, address: BigInt(GONE), good: false };
      case 2:
        return { ...good, bytes: bytes - 8n < 0n ? 0n : bytes - 8n };
      case 3:
        return { ...good, bytes: 0xffff_ffff_ffff_ffffn };
      case 4:
        return { ...good, address: 0xffff_ffff_ffff_f000n };
      case 5:
        return { ...good, bytes: 0x1000_0001n };
      default:
        return good;
    }
  }

  /** Bit `index` of the bitmap that the last call wrote. */
  bits(pages: number): (index: number) => boolean {
    const bytes = this.bench.process.memory.copyIn(this.bitmapAt, Math.ceil(pages / 64) * 8)!;
    return (index) => (bytes[index >> 3]! & (1 << (index & 7))) !== 0;
  }

  /** The real one. */
  get kernel(): Type1 | undefined {
    const container = this.bench.process.file(this.fd)?.file;
    const backend = container instanceof VfioContainer ? container.backend : undefined;
    return backend instanceof Type1 ? backend : undefined;
  }

  private setIommu(): number {
    const set = this.bench.process.ioctl(this.fd, VFIO.SET_IOMMU, this.kind);
    // Another group has set it.
    return set === -22 && this.kernel !== undefined ? 0 : set;
  }

  private open(group: BenchGroup, name: string): number {
    const { process, scratch } = this.bench;
    return process.ioctl(group.fd, VFIO.GROUP_GET_DEVICE_FD, scratch.load(Buffer.from(`${name}\0`)));
  }
}

function groupAt(path: string, devices: readonly BenchDevice[]): BenchGroup {
  return { path, devices, translated: devices.length > 0, fd: -1, joined: false, pinnerFd: -1 };
}

function putBitmap(view: DataView, at: number, { pageSize, bytes, address }: BitmapArgument): void {
  view.setBigUint64(at, pageSize, true);
  view.setBigUint64(at + 8, bytes, true);
  view.setBigUint64(at + 16, address, true);
}
