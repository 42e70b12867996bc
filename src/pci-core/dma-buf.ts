/** Export of BAR ranges as dma-bufs (vfio_pci_dmabuf.c: vfio_pci_core_feature_dma_buf). */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { DmaBufExport, DmaBufFile, DmaBufImporter } from '../kernel/dma-buf.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { device_feature_dma_buf, FEATURE_FLAG, PCI_REGION, region_dma_range } from '../uapi/vfio.ts';
import { vfio_check_feature } from '../vfio/feature.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { __vfio_pci_memory_enabled } from './memory-enabled.ts';

/** KMALLOC_MAX_SIZE: a longer list of ranges is ENOMEM. */
const MAX_LIST = 4 * 1024 * 1024;
const U64 = 2n ** 64n;

/** Bytes of a BAR. */
export interface BarRange {
  readonly offset: number;
  readonly length: number;
}

/** One exported buffer. It outlives the device's close, revoked. */
export class DmaBuf implements OpenFile, DmaBufFile {
  readonly name = 'anon_inode:dmabuf';
  readonly bar: number;
  readonly ranges: readonly BarRange[];
  readonly dmaBuf: DmaBufExport;
  private taken: boolean;
  /** The device it is of, which it keeps registered; undefined once that is closed. */
  private core: VfioPciCoreDevice | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(core: VfioPciCoreDevice, bar: number, ranges: readonly BarRange[], revoked: boolean) {
    this.core = core;
    this.bar = bar;
    this.ranges = ranges;
    this.taken = revoked;
    const base = core.pdev.resources[bar]!.start;
    this.dmaBuf = {
      size: ranges.reduce((sum, { length }) => sum + length, 0),
      contiguous: ranges.length === 1,
      attach: (importer) => this.attach(importer),
      physical: () => (this.taken ? undefined : base + ranges[0]!.offset),
      onRevoke: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
  }

  get revoked(): boolean {
    return this.taken;
  }

  /** Takes the memory away from importers, or has it for new ones. */
  move(revoked: boolean): void {
    if (this.taken === revoked) return;
    this.taken = revoked;
    if (revoked) for (const listener of this.listeners) listener();
  }

  /** How many importers are to be told. */
  get importers(): number {
    return this.listeners.size;
  }

  /** vfio_pci_dma_buf_attach: memory that can be taken away is only for those who can let go of it. */
  attach(importer: DmaBufImporter): (() => void) | number {
    const refused = dmaBufRules.attachable(importer);
    if (refused < 0) return refused;
    if (this.taken) return -ERRNO.ENODEV;
    const listener = (): void => importer.moved?.();
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The device no longer knows of it, nor is held by it. */
  abandon(): void {
    const { core } = this;
    if (core === undefined) return;
    this.core = undefined;
    core.dmaBufs?.forget(this);
    if (core.vdev !== undefined) core.registry?.put?.(core.vdev);
  }

  release(): void {
    this.abandon();
  }
}

/** The dma-bufs of one device. A driver that offers them gives its device one of these. */
export class DmaBufs {
  private readonly all = new Set<DmaBuf>();

  /** Buffers that a close would revoke. */
  get size(): number {
    return this.all.size;
  }

  /** vfio_pci_dma_buf_move. */
  move(revoked: boolean): void {
    for (const buffer of this.all) buffer.move(revoked);
  }

  /** vfio_pci_dma_buf_cleanup: at close the buffers become shells. */
  cleanup(): void {
    this.move(true);
    for (const buffer of [...this.all]) buffer.abandon();
  }

  forget(buffer: DmaBuf): void {
    this.all.delete(buffer);
  }

  add(buffer: DmaBuf): void {
    this.all.add(buffer);
  }
}

/** VFIO_DEVICE_FEATURE_DMA_BUF: the new descriptor is the ioctl's result. */
export function vfio_pci_core_feature_dma_buf(
  core: VfioPciCoreDevice,
  caller: Process,
  flags: number,
  argument: number,
  argsz: number,
): number {
  const { dmaBufs } = core;
  if (dmaBufs === undefined) return -ERRNO.EOPNOTSUPP;
  const check = vfio_check_feature(flags, argsz, FEATURE_FLAG.GET, device_feature_dma_buf.size);
  if (check !== 1) return check;
  const bytes = caller.copyFromUser(argument, device_feature_dma_buf.size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { at } = device_feature_dma_buf;
  const count = view.getUint32(at.nr_ranges, true);
  if (count === 0 || view.getUint32(at.flags, true) !== 0) return -ERRNO.EINVAL;
  const bar = view.getUint32(at.region_index, true);
  if (!dmaBufRules.exportable(core, bar)) return -ERRNO.ENODEV;
  const ranges = readRanges(core, caller, argument + device_feature_dma_buf.size, count, bar);
  if (typeof ranges === 'number') return ranges;
  if (!allocateBuffer(caller)) return -ERRNO.ENOMEM;
  if (core.vdev !== undefined && core.registry?.get?.(core.vdev) === false) return -ERRNO.ENODEV;
  const buffer = new DmaBuf(core, bar, ranges, !__vfio_pci_memory_enabled(core));
  dmaBufs.add(buffer);
  const fd = caller.files.install(buffer);
  // Whoever puts the file undoes the rest.
  if (fd < 0) dmaBufRules.unwind(buffer);
  return fd;
}

/** The driver's own, its physical ranges; and the buffer and its file (dma_buf_export). */
function allocateBuffer({ faults: { allocation } }: Process): boolean {
  return !(allocation.fails() || allocation.fails() || allocation.fails() || allocation.fails());
}

/** Who may have what, replaceable one by one. */
export const dmaBufRules = {
  /** The BAR must be mapped: one that the device lacks, or the host did not give, is nothing to export. */
  exportable: (core: VfioPciCoreDevice, bar: number): boolean =>
    bar <= PCI_REGION.BAR5 && core.bars.reserved(bar) === 0,

  /** 0, or EOPNOTSUPP: without addresses on the bus, or pinning what it attaches to. */
  attachable: ({ peer2peer, moved }: DmaBufImporter): number =>
    peer2peer && moved !== undefined ? 0 : -ERRNO.EOPNOTSUPP,

  /** No descriptor was free: putting the file undoes the rest, once. */
  unwind: (buffer: DmaBuf): void => buffer.release(),

  /** Whether the ranges lie inside the BAR, in whole pages. */
  ranges: checkRanges,
};

/** The ranges, which nobody compares with argsz. */
function readRanges(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  bar: number,
): BarRange[] | number {
  const size = count * region_dma_range.size;
  if (size > MAX_LIST || caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
  const bytes = caller.copyFromUser(address, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const list = Array.from({ length: count }, (_, i) => ({
    offset: view.getBigUint64(i * region_dma_range.size + region_dma_range.at.offset, true),
    length: view.getBigUint64(i * region_dma_range.size + region_dma_range.at.length, true),
  }));
  return dmaBufRules.ranges(core, list, bar);
}

function checkRanges(
  core: VfioPciCoreDevice,
  list: readonly { offset: bigint; length: bigint }[],
  bar: number,
): BarRange[] | number {
  const page = BigInt(PAGE_SIZE - 1);
  let total = 0n;
  for (const { offset, length } of list) {
    if (length === 0n || (offset & page) !== 0n || (length & page) !== 0n) return -ERRNO.EINVAL;
    total += length;
    if (total >= U64 / 2n) return -ERRNO.EINVAL;
  }
  const resource = core.pdev.resources[bar]!;
  if (resource.io) return -ERRNO.EINVAL;
  for (const { offset, length } of list) {
    if (BigInt(resource.start) + offset + length > U64) return -ERRNO.EOVERFLOW;
    if (offset + length > BigInt(resource.length)) return -ERRNO.EINVAL;
  }
  return list.map(({ offset, length }) => ({ offset: Number(offset), length: Number(length) }));
}
