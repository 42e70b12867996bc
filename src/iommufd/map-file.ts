/** Mappings of files (ioas.c: iommufd_ioas_map_file, iommufd_ioas_change_process): memory files and dma-bufs. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { dmaBufOf } from '../kernel/dma-buf.ts';
import { MemFile } from '../kernel/memfd.ts';
import { ERRNO } from '../uapi/errno.ts';
import { IOAS_MAP_FLAG, iommu_ioas_change_process, iommu_ioas_map_file } from '../uapi/iommufd.ts';
import { Account } from './accounting.ts';
import type { Area } from './area.ts';
import type { Ioas } from './ioas.ts';
import { ioasOf, MAP_FLAGS, protectionOf } from './ioas-ioctls.ts';
import { dmaBufPages, filePages, type PageSource } from './page-source.ts';
import { Pages } from './pages.ts';
import { PAGE, U64_MAX } from './u64.ts';
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
  if (start + length > U64_MAX) return -ERRNO.EOVERFLOW;
  const file = cmd.caller.file(cmd.view.getInt32(at.fd, true))?.file;
  if (file === undefined) return -ERRNO.EBADF;
  const source = sourceOf(file, start, length);
  if (typeof source === 'number') return source;
  const origin = start - (start % PAGE);
  const pages = new Pages(source, origin, prot.write, new Account(cmd.caller, cmd.context.accountMode));
  const piece = { pages, offset: Number(start % PAGE), length };
  const placed = ioas.table.map([piece], flags & IOAS_MAP_FLAG.FIXED_IOVA ? iova : undefined, prot);
  if (typeof placed === 'number') return placed;
  followRevocation(file, ioas, ioas.table.areas.first(placed, placed)!);
  cmd.view.setBigUint64(at.iova, placed, true);
  return cmd.respond();
}

/** What of a file can be mapped: a dma-buf of one range, a memory file; others have no pages to pin. */
function sourceOf(file: object, start: bigint, length: bigint): PageSource | number {
  const buffer = dmaBufOf(file);
  if (buffer !== undefined) {
    if (start + length > BigInt(buffer.size)) return -ERRNO.EINVAL;
    if (!buffer.contiguous) return -ERRNO.EOPNOTSUPP;
    return buffer.physical() === undefined ? -ERRNO.ENODEV : dmaBufPages(buffer, Number(start - (start % PAGE)));
  }
  if (!(file instanceof MemFile)) return -ERRNO.EINVAL;
  const end = Math.ceil(file.length / PAGE_SIZE) * PAGE_SIZE;
  return start + length > BigInt(end) ? -ERRNO.EINVAL : filePages(file, Number(start - (start % PAGE)));
}

/** When the exporter takes its memory away the page tables lose it, and it does not come back (iopt_revoke_notify). */
function followRevocation(file: object, ioas: Ioas, area: Area): void {
  dmaBufOf(file)?.onRevoke(() => {
    if (ioas.table.areas.first(area.start, area.start) === area) ioas.table.revoke(area);
  });
}

/** IOMMU_IOAS_CHANGE_PROCESS: the caller pays from now on; only memory that belongs to no process can be handed over. */
export function ioasChangeProcess(cmd: Ucmd): number {
  if (cmd.u32(iommu_ioas_change_process.at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  const spaces = cmd.context.objects.all.filter((object): object is Ioas => object.kind === 'ioas');
  const pages = new Set(spaces.flatMap((ioas) => ioas.table.areas.all.map((area) => area.pages)));
  if ([...pages].some(({ source }) => source.kind !== 'file')) return -ERRNO.EINVAL;
  const done: { readonly account: Account; readonly from: Account['process'] }[] = [];
  for (const { account } of pages) {
    const from = account.process;
    const error = account.handOver(cmd.caller);
    if (error !== 0) {
      for (const undone of done) undone.account.handOver(undone.from);
      return error;
    }
    done.push({ account, from });
  }
  return 0;
}
