/** Mappings of files (ioas.c: iommufd_ioas_map_file, iommufd_ioas_change_process): memory files and dma-bufs. */
import { dmaBufOf } from '../kernel/dma-buf.ts';
import type { FileReference } from '../kernel/file.ts';
import { MemFile } from '../kernel/memfd.ts';
import { ERRNO } from '../uapi/errno.ts';
import { IOAS_MAP_FLAG, iommu_ioas_change_process, iommu_ioas_map_file } from '../uapi/iommufd.ts';
import { Account } from './accounting.ts';
import type { Ioas } from './ioas.ts';
import { ioasOf, MAP_FLAGS, MAX_LENGTH, protectionOf } from './ioas-ioctls.ts';
import { DmaBufPages, filePages, NO_PAGES, type PageSource } from './page-source.ts';
import { Pages } from './pages.ts';
import { lastOf, PAGE, U64_MAX } from './u64.ts';
import type { Ucmd } from './ucmd.ts';

const { at } = iommu_ioas_map_file;

/** IOMMU_IOAS_MAP_FILE. */
export function ioasMapFile(cmd: Ucmd): number {
  const flags = cmd.u32(at.flags);
  if ((flags & ~MAP_FLAGS) !== 0) return -ERRNO.EOPNOTSUPP;
  const [iova, length, start] = [cmd.u64(at.iova), cmd.u64(at.length), cmd.u64(at.start)];
  if (iova >= U64_MAX || length >= U64_MAX) return -ERRNO.EOVERFLOW;
  const prot = protectionOf(flags);
  if (prot === undefined) return -ERRNO.EINVAL;
  const ioas = ioasOf(cmd.context, cmd.u32(at.ioas_id));
  if (ioas === undefined) return -ERRNO.ENOENT;
  if (length === 0n) return -ERRNO.EINVAL;
  if (lastOf(start, length) === undefined) return -ERRNO.EOVERFLOW;
  const file = cmd.caller.file(cmd.view.getInt32(at.fd, true));
  if (file === undefined) return -ERRNO.EBADF;
  const source = sourceOf(file, start, length);
  if (typeof source === 'number') return source;
  const origin = start - (start % PAGE);
  // iopt_alloc_file_pages, iopt_alloc_dmabuf_pages
  const { context } = cmd;
  if (context.noMemory()) return -ERRNO.ENOMEM;
  const pages = new Pages(source, origin, prot.write, Account.of(cmd.caller, context.accountMode), context.faults);
  const piece = { pages, offset: Number(start % PAGE), length };
  const placed = ioas.table.map([piece], flags & IOAS_MAP_FLAG.FIXED_IOVA ? iova : undefined, prot);
  if (typeof placed === 'number') return placed;
  cmd.view.setBigUint64(at.iova, placed, true);
  return cmd.respond();
}

/** A dma-buf must suit at once (iopt_alloc_dmabuf_pages); what a file holds is looked at when its pages are wanted. */
function sourceOf(reference: FileReference, start: bigint, length: bigint): PageSource | number {
  const { file } = reference;
  const first = Number(start - (start % PAGE));
  const buffer = dmaBufOf(file);
  if (buffer !== undefined) {
    if (start + length > BigInt(buffer.size)) return -ERRNO.EINVAL;
    if (buffer.physical() === undefined) return -ERRNO.ENODEV;
    return buffer.contiguous ? new DmaBufPages(reference, buffer, first) : -ERRNO.EOPNOTSUPP;
  }
  if (length > MAX_LENGTH) return -ERRNO.EINVAL;
  return file instanceof MemFile ? filePages(reference, file, first) : NO_PAGES;
}

/** IOMMU_IOAS_CHANGE_PROCESS: the caller pays from now on; only memory that belongs to no process can be handed over. */
export function ioasChangeProcess(cmd: Ucmd): number {
  if (cmd.u32(iommu_ioas_change_process.at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const spaces = cmd.context.objects.all.filter((object): object is Ioas => object.kind === 'ioas');
  // iommufd_take_all_iova_rwsem: the list of those that are locked.
  if (spaces.some(() => cmd.context.noMemory())) return -ERRNO.ENOMEM;
  const pages = new Set(spaces.flatMap((ioas) => ioas.table.areas.all.map((area) => area.pages)));
  if ([...pages].some(({ source }) => source.kind !== 'file')) return -ERRNO.EINVAL;
  return Account.handOver(
    [...pages].map(({ account }) => account),
    cmd.caller,
  );
}
