/** What can be asked of an address space (ioas.c): its ranges, and mappings of a process's memory. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { TASK_SIZE } from '../kernel/address-space.ts';
import { zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import * as abi from '../uapi/iommufd.ts';
import { Account } from './accounting.ts';
import type { Context } from './context.ts';
import { EVERYTHING, type Protection } from './io-pagetable.ts';
import { Ioas } from './ioas.ts';
import { userPages } from './page-source.ts';
import { Pages } from './pages.ts';
import type { Range } from './ranges.ts';
import { lastOf, PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';

const { FIXED_IOVA, WRITEABLE, READABLE } = abi.IOAS_MAP_FLAG;

export function ioasOf(context: Context, id: number): Ioas | undefined {
  return context.objects.get(id, 'ioas') as Ioas | undefined;
}

/** IOMMU_IOAS_ALLOC. */
export function ioasAlloc(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_alloc;
  if (cmd.u32(at.flags) !== 0) return -ERRNO.EOPNOTSUPP;
  if (cmd.context.noRoom()) return -ERRNO.ENOMEM;
  const ioas = cmd.context.objects.add(new Ioas(cmd.context));
  cmd.view.setUint32(at.out_ioas_id, ioas.id, true);
  const error = cmd.respond();
  if (error !== 0) cmd.context.objects.remove(ioas);
  return error;
}

/** IOMMU_IOAS_IOVA_RANGES: as many ranges as there is room for, and how many there are. */
export function ioasIovaRanges(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_iova_ranges;
  if (cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  const room = cmd.u32(at.num_iovas);
  const ranges = ioas.table.reserved.usable;
  const { size } = abi.iommu_iova_range;
  const address = Number(cmd.u64(at.allowed_iovas));
  for (const [index, range] of ranges.slice(0, room).entries()) {
    const bytes = zeroedBytes(size);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setBigUint64(abi.iommu_iova_range.at.start, range.start, true);
    view.setBigUint64(abi.iommu_iova_range.at.last, range.last, true);
    if (!cmd.caller.copyToUser(address + index * size, bytes)) return -ERRNO.EFAULT;
  }
  cmd.view.setUint32(at.num_iovas, ranges.length, true);
  cmd.view.setBigUint64(at.out_iova_alignment, ioas.table.alignment, true);
  const error = cmd.respond();
  return error === 0 && ranges.length > room ? -ERRNO.EMSGSIZE : error;
}

/** IOMMU_IOAS_ALLOW_IOVAS: replaces the whole list, or nothing of it. */
export function ioasAllowIovas(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_allow_iovas;
  if (cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  const allowed = readRanges(cmd.caller, Number(cmd.u64(at.allowed_iovas)), cmd.u32(at.num_iovas));
  if (typeof allowed === 'number') return allowed;
  const { reserved } = ioas.table;
  if (allowed.some(({ start, last }) => reserved.touches(start, last))) return -ERRNO.EADDRINUSE;
  reserved.allowed = allowed;
  return 0;
}

/** iommufd_ioas_load_iovas: disjoint ranges, in order of start. */
function readRanges(caller: Process, address: number, count: number): Range[] | number {
  const { size, at } = abi.iommu_iova_range;
  const ranges: Range[] = [];
  for (let index = 0; index < count; index++) {
    const bytes = caller.copyFromUser(address + index * size, size);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const range = { start: view.getBigUint64(at.start, true), last: view.getBigUint64(at.last, true) };
    if (range.start >= range.last) return -ERRNO.EINVAL;
    if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
    if (ranges.some(({ start, last }) => start <= range.last && last >= range.start)) return -ERRNO.EINVAL;
    ranges.push(range);
  }
  return ranges.sort((a, b) => (a.start < b.start ? -1 : 1));
}

/** The access of a mapping; EINVAL for none. */
export function protectionOf(flags: number): Protection | undefined {
  const prot = { read: (flags & READABLE) !== 0, write: (flags & WRITEABLE) !== 0 };
  return prot.read || prot.write ? prot : undefined;
}

/** iopt_alloc_pages: what still leaves room for rounding up to pages. */
export const MAX_LENGTH = U64_MAX - PAGE;
export const MAP_FLAGS = FIXED_IOVA | WRITEABLE | READABLE;

/** IOMMU_IOAS_MAP. */
export function ioasMap(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_map;
  const flags = cmd.u32(at.flags);
  if ((flags & ~MAP_FLAGS) !== 0 || cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const [iova, length] = [cmd.u64(at.iova), cmd.u64(at.length)];
  if (iova >= U64_MAX || length >= U64_MAX) return -ERRNO.EOVERFLOW;
  const prot = protectionOf(flags);
  if (prot === undefined) return -ERRNO.EINVAL;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  const where = flags & FIXED_IOVA ? iova : undefined;
  const placed = mapUser(cmd.context, ioas, cmd.caller, cmd.u64(at.user_va), length, where, prot);
  if (typeof placed === 'number') return placed;
  cmd.view.setBigUint64(at.iova, placed, true);
  return cmd.respond();
}

/** Checks on what a user wants mapped. */
export const mapRules = {
  /** iopt_alloc_user_pages: does [address, address + length) run past the last address there is? */
  wraps: (address: bigint, length: bigint): boolean => address + length > U64_MAX,
};

/** iopt_map_user_pages: maps memory of `caller`; the IOVA, or a negated errno. */
export function mapUser(
  context: Context,
  ioas: Ioas,
  caller: Process,
  address: bigint,
  length: bigint,
  iova: bigint | undefined,
  prot: Protection,
): bigint | number {
  if (mapRules.wraps(address, length)) return -ERRNO.EOVERFLOW;
  if (length === 0n || length > MAX_LENGTH) return -ERRNO.EINVAL;
  const first = address - (address % PAGE);
  // An address beyond user memory is as unmapped as any; as a number it must only stay beyond.
  const source = userPages(caller, first < BigInt(TASK_SIZE) ? Number(first) : TASK_SIZE);
  // iopt_alloc_pages
  if (context.noMemory()) return -ERRNO.ENOMEM;
  const pages = new Pages(source, first, prot.write, Account.of(caller, context.accountMode), context.faults);
  return ioas.table.map([{ pages, offset: Number(address % BigInt(PAGE_SIZE)), length }], iova, prot);
}

/** IOMMU_IOAS_COPY: maps again what is mapped elsewhere, pages and all. */
export function ioasCopy(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_copy;
  const flags = cmd.u32(at.flags);
  const [length, to, from] = [cmd.u64(at.length), cmd.u64(at.dst_iova), cmd.u64(at.src_iova)];
  if ((flags & ~MAP_FLAGS) !== 0) return -ERRNO.EOPNOTSUPP;
  if (length >= U64_MAX || from >= U64_MAX || to >= U64_MAX) return -ERRNO.EOVERFLOW;
  const prot = protectionOf(flags);
  if (prot === undefined) return -ERRNO.EINVAL;
  const source = ioasOf(cmd.context, cmd.u32(at.src_ioas_id));
  if (source === undefined) return -ERRNO.ENOENT;
  if (length === 0n) return -ERRNO.EINVAL;
  const last = lastOf(from, length);
  if (last === undefined) return -ERRNO.EOVERFLOW;
  const pieces = source.table.pieces(from, last);
  if (typeof pieces === 'number') return pieces;
  const target = ioasOf(cmd.context, cmd.u32(at.dst_ioas_id));
  if (target === undefined) return -ERRNO.ENOENT;
  const placed = target.table.map(pieces, flags & FIXED_IOVA ? to : undefined, prot);
  if (typeof placed === 'number') return placed;
  cmd.view.setBigUint64(at.dst_iova, placed, true);
  return cmd.respond();
}

/** IOMMU_IOAS_UNMAP: whole mappings only; everything at once if iova is 0 and the length all ones. */
export function ioasUnmap(cmd: Ucmd): number {
  const { at } = abi.iommu_ioas_unmap;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  const [iova, length] = [cmd.u64(at.iova), cmd.u64(at.length)];
  const all = iova === 0n && length === U64_MAX;
  if (!all && (iova >= U64_MAX || length >= U64_MAX)) return -ERRNO.EOVERFLOW;
  const { error, bytes } = all ? ioas.table.unmap(EVERYTHING.start, EVERYTHING.last) : unmapRange(ioas, iova, length);
  if (error !== 0) return error;
  if (bytes === 0n && !all) return -ERRNO.ENOENT;
  cmd.view.setBigUint64(at.length, bytes, true);
  return cmd.respond();
}

/** iopt_unmap_iova. */
export function unmapRange(
  ioas: Ioas,
  iova: bigint,
  length: bigint,
): { readonly error: number; readonly bytes: bigint } {
  if (length === 0n) return { error: -ERRNO.EINVAL, bytes: 0n };
  const last = lastOf(iova, length);
  return last === undefined ? { error: -ERRNO.EOVERFLOW, bytes: 0n } : ioas.table.unmap(iova, last);
}
