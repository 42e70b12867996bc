/** An iommufd, the devices bound to it, and what can be mapped in it. */
import type { IommuDescription } from '../../../sim/pci/description.ts';
import type { DeviceClient } from '../../client/device.ts';
import { IommufdClient } from '../../client/iommufd.ts';
import type { Context } from '../../iommufd/context.ts';
import type { IommufdFile } from '../../iommufd/file.ts';
import { dmaBufOf } from '../../kernel/dma-buf.ts';
import { MemFile } from '../../kernel/memfd.ts';
import { OPTION, OPTION_OP } from '../../uapi/iommufd.ts';
import { device_feature_dma_buf, EXTENSION, FEATURE, FEATURE_FLAG, VFIO } from '../../uapi/vfio.ts';
import type { Random } from '../random.ts';
import { ReferencePages, type Source } from '../reference/io-pages.ts';
import { payerOf } from '../reference/ioas.ts';
import { IommufdReference } from '../reference/iommufd.ts';
import type { Bench } from './bench.ts';
import type { BenchDevice } from './device.ts';
import { FILE_PAGES } from './memory.ts';
import { QueueReference } from './queue-reference.ts';

/** The function that asks for pages, and has so many PASIDs. */
const PASIDS = 256;
export const ABLE = '0000:03:00.0';
/** Pages of the BAR that are exported. */
const BAR_PAGES = 3;
const TASK_SIZE = 0x7fff_ffff_f000n;

export class IommufdBench {
  readonly client: IommufdClient;
  readonly reference: IommufdReference;
  /** Groups whose container is the iommufd, instead of character devices. */
  readonly compat: boolean;
  /** A memory file, a dma-buf of a BAR if there is one, and a file that is neither. */
  readonly memfd: number;
  readonly otherFd: number;
  readonly helperFd: number;
  dmaBuf = -1;
  /** Descriptors of the groups of devices, by their number, and of the emulated one. */
  readonly groupFds = new Map<number, number>();
  pinnerGroupFd = -1;
  pinnerFd = -1;
  readonly queues = new QueueReference();
  private readonly bench: Bench;

  constructor(bench: Bench, compat: boolean, features: IommuDescription) {
    const { process, scratch, devices } = bench;
    this.bench = bench;
    this.compat = compat;
    this.client = new IommufdClient(process, '/dev/iommu', scratch);
    this.helperFd = process.send(this.client.fd, bench.helper);
    this.memfd = process.memfd(FILE_PAGES * 4096);
    this.otherFd = process.open('/dev/vfio/vfio');
    this.reference = new IommufdReference(
      devices.map(({ name, group }) => ({
        name,
        group,
        pageRequests: name === ABLE && features.pageRequests === true,
        id: 0,
        hwpt: undefined,
        vdevice: 0,
        pasidCount: name === ABLE && features.pasid === true ? PASIDS : 0,
        pasids: new Map(),
      })),
      features,
    );
    // Before there is anything: who pays cannot be chosen later.
    if (process.capabilities.has('CAP_SYS_RESOURCE') && !process.capabilities.has('CAP_IPC_LOCK')) {
      this.client.call('OPTION', { option_id: OPTION.RLIMIT_MODE, op: OPTION_OP.SET, object_id: 0, val64: 1 });
      this.reference.mode = 'mm';
    }
    if (!compat) {
      this.reference.newIoas();
      this.client.allocIoas();
    }
    this.open(0);
    if (!compat) {
      const device = this.reference.devices[0]!;
      this.reference.attach(device, 1);
      this.client.attach(devices[0]!.fd!, 1);
    }
  }

  /** Makes a dma-buf of the first pages of a device's BAR 0. */
  exportBar(device: DeviceClient): void {
    const { size, at } = device_feature_dma_buf;
    this.dmaBuf = device.feature(FEATURE.DMA_BUF | FEATURE_FLAG.GET, size + 16, (view, base) => {
      view.setUint32(base + at.nr_ranges, 1, true);
      view.setBigUint64(base + size + 8, BigInt(BAR_PAGES * 4096), true);
    });
  }

  /** The device whose BAR it is was reset: its pages go, and come back to nobody that had them. */
  revoke(): void {
    for (const space of this.reference.spaces)
      for (const area of space.areas) if (area.pages.source.kind === 'dma-buf') space.forget(area);
    for (const pages of this.reference.pages)
      if (pages.source.kind === 'dma-buf' && pages.areas > 0) pages.revoked = true;
  }

  /** Binds a device, or brings its group in: what is right, and what was answered. */
  open(index: number): { readonly result: number; readonly expected: number } {
    const device = this.bench.devices[index]!;
    if (this.compat) return this.openByGroup(index, device);
    const known = this.reference.devices[index]!;
    const expected = this.reference.bind(known);
    const opened = this.client.open(device.cdev);
    if (typeof opened === 'number') return { result: opened, expected };
    device.fd = opened.device.fd;
    device.id = opened.id;
    device.start(this.bench.process, this.bench.scratch);
    return { result: opened.id, expected };
  }

  close(index: number): void {
    const device = this.bench.devices[index]!;
    this.reference.unbind(this.reference.devices[index]!);
    this.bench.process.close(device.fd!);
    device.fd = undefined;
    const others = this.bench.devices.some(({ group, fd }) => group === device.group && fd !== undefined);
    const groupFd = this.groupFds.get(device.group);
    if (groupFd === undefined || others) return;
    this.bench.process.close(groupFd);
    this.groupFds.delete(device.group);
  }

  /** The emulated device: bound, and in a container also attached. */
  openPinner(): { readonly result: number; readonly expected: number } {
    const { process, pinner, scratch } = this.bench;
    const { reference } = this;
    if (!this.compat) {
      reference.access = reference.add({ kind: 'access', holds: [], held: true });
      const opened = this.client.open(`vfio${pinner!.vdev.index}`);
      if (typeof opened === 'number') return { result: opened, expected: reference.access };
      this.pinnerFd = opened.device.fd;
      return { result: opened.id, expected: reference.access };
    }
    this.pinnerGroupFd = process.open(pinner!.vdev.group!.path);
    this.join(this.pinnerGroupFd);
    this.needCompat();
    reference.access = reference.add({ kind: 'access', holds: [], held: true });
    const expected = reference.attachAccess(reference.compat!.id);
    const name = Buffer.from(`${pinner!.vdev.name}\0`);
    const fd = process.ioctl(this.pinnerGroupFd, VFIO.GROUP_GET_DEVICE_FD, scratch.load(name));
    if (fd >= 0) this.pinnerFd = fd;
    if (expected < 0) this.closePinner();
    return { result: Math.min(fd, 0), expected };
  }

  closePinner(): void {
    const { process } = this.bench;
    const { reference } = this;
    reference.leaveAccess();
    reference.objects.delete(reference.access);
    reference.access = 0;
    if (this.pinnerFd >= 0) process.close(this.pinnerFd);
    if (this.pinnerGroupFd >= 0) process.close(this.pinnerGroupFd);
    this.pinnerFd = this.pinnerGroupFd = -1;
  }

  /** Memory of the process at an address, as MAP takes it. */
  userPages(address: bigint, write: boolean): ReferencePages {
    const { process } = this.bench;
    const first = address - (address % 4096n);
    const at = Number(first < TASK_SIZE ? first : TASK_SIZE);
    return this.pages({ kind: 'user', mm: process.memory, address: at }, first, write);
  }

  /** A file from a byte on, as MAP_FILE takes it; an errno for what is refused at once. */
  filePages(fd: number, start: bigint, length: bigint, write: boolean): ReferencePages | number {
    const file = this.bench.process.file(fd)?.file;
    if (file === undefined) return -9;
    const first = start - (start % 4096n);
    const buffer = dmaBufOf(file);
    if (buffer !== undefined) {
      if (start + length > BigInt(buffer.size)) return -22;
      if (buffer.physical() === undefined) return -19;
      return this.pages({ kind: 'dma-buf', buffer, start: Number(first) }, first, write);
    }
    if (length > 0xffff_ffff_ffff_ffffn - 4096n) return -22;
    const source: Source = file instanceof MemFile ? { kind: 'file', file, start: Number(first) } : { kind: 'none' };
    return this.pages(source, first, write);
  }

  get kernel(): Context {
    return (this.bench.process.file(this.client.fd)!.file as IommufdFile).context;
  }

  /** Numbers of objects of a kind; now and then any number, or none that is used. */
  anyId(random: Random, kind: string, stray = 8): number {
    const { objects } = this.reference;
    if (random.chance(stray)) return random.below(objects.size + 3);
    const ids = [...objects].flatMap(([id, object]) => (object.kind === kind ? [id] : []));
    return ids.length === 0 ? random.below(4) : random.pick(ids);
  }

  anyMappedPage(random: Random): number | undefined {
    const spaces = this.reference.spaces.filter(({ areas }) => areas.length > 0);
    if (spaces.length === 0) return undefined;
    const { start, last } = random.pick(random.pick(spaces).areas);
    return Number(start / 4096n) + random.below(Math.min(Number((last - start) / 4096n) + 1, 64));
  }

  private pages(source: Source, origin: bigint, write: boolean): ReferencePages {
    const { process } = this.bench;
    const pages = new ReferencePages(source, origin, write, payerOf(process, this.reference.mode), process);
    this.reference.pages.add(pages);
    return pages;
  }

  private openByGroup(index: number, device: BenchDevice): { readonly result: number; readonly expected: number } {
    const { process, scratch } = this.bench;
    const { reference } = this;
    let groupFd = this.groupFds.get(device.group);
    if (groupFd === undefined) {
      groupFd = process.open(`/dev/vfio/${device.group}`);
      this.join(groupFd);
      this.groupFds.set(device.group, groupFd);
      this.needCompat();
    }
    const known = reference.devices[index]!;
    reference.bind(known);
    // The address space may be gone since the group joined.
    const { compat } = reference;
    const expected = compat === undefined ? -19 : Math.min(0, reference.attach(known, compat.id));
    if (expected < 0) reference.unbind(known);
    const fd = process.ioctl(groupFd, VFIO.GROUP_GET_DEVICE_FD, scratch.load(Buffer.from(`${device.name}\0`)));
    if (fd >= 0) {
      device.fd = fd;
      device.id = known.id;
      device.start(process, scratch);
    }
    return { result: Math.min(fd, 0), expected };
  }

  /** A group joins the iommufd, which makes its address space if there is none. */
  private join(groupFd: number): void {
    const { process, scratch } = this.bench;
    scratch.begin(4).setInt32(0, this.client.fd, true);
    process.ioctl(groupFd, VFIO.GROUP_SET_CONTAINER, scratch.put(4));
    process.ioctl(this.client.fd, VFIO.SET_IOMMU, EXTENSION.TYPE1v2_IOMMU);
  }

  private needCompat(): void {
    const { reference } = this;
    if (reference.compat === undefined) reference.compat = reference.ioas(reference.newIoas())!;
  }
}
