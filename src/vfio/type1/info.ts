/** VFIO_IOMMU_GET_INFO (vfio_iommu_type1_get_info): page sizes, and what else a user must know before mapping. */
import { bytesOf, viewOf, zeroedBytes, zeroedView } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import {
  INFO_CAP,
  IOMMU_INFO,
  info_cap_header,
  iommu_type1_info,
  iommu_type1_info_cap_iova_range,
  iommu_type1_info_cap_migration,
  iommu_type1_info_dma_avail,
  iova_range,
} from '../../uapi/vfio.ts';
import { allocateInfoCaps, type InfoCap, placeInfoCaps } from '../info-caps.ts';
import { BITMAP_SIZE_MAX } from './dirty.ts';
import type { Type1State } from './state.ts';

const { at, size: STRUCT } = iommu_type1_info;
/** What the struct ended with before capabilities came: a user may know no more. */
const MINIMUM = at.cap_offset;
/** A capability's fields count from its header, and its payload from behind it. */
const HEADER = info_cap_header.size;

export class Type1Info {
  private readonly state: Type1State;

  constructor(state: Type1State) {
    this.state = state;
  }

  ioctl(caller: Process, argument: number): number {
    const given = caller.copyFromUser(argument, MINIMUM);
    if (given === undefined) return -ERRNO.EFAULT;
    const argsz = viewOf(given).getUint32(at.argsz, true);
    if (argsz < MINIMUM) return -ERRNO.EINVAL;
    const caps = this.capabilities();
    // vfio_iommu_iova_build_caps makes a list of the ranges first.
    if (caps.length > 2 && this.state.noMemory()) return -ERRNO.ENOMEM;
    if (!allocateInfoCaps(caller, caps)) return -ERRNO.ENOMEM;
    const placed = placeInfoCaps(caller, argument, argsz, STRUCT, caps);
    if (typeof placed === 'number') return placed;
    const info = this.encode(placed.argsz, placed.capOffset);
    return caller.copyToUser(argument, info.subarray(0, Math.min(argsz, STRUCT))) ? 0 : -ERRNO.EFAULT;
  }

  /** In the order in which the kernel adds them. */
  capabilities(): InfoCap[] {
    const caps = [this.migration(), this.dmaAvailable()];
    if (this.state.ranges.list.length > 0) caps.push(this.iovaRanges());
    return caps;
  }

  private migration(): InfoCap {
    const { at, size } = iommu_type1_info_cap_migration;
    const view = zeroedView(size - HEADER);
    view.setBigUint64(at.pgsize_bitmap - HEADER, BigInt(this.state.pageSize), true);
    view.setBigUint64(at.max_dirty_bitmap_size - HEADER, BigInt(BITMAP_SIZE_MAX), true);
    return { id: INFO_CAP.TYPE1_MIGRATION, version: 1, payload: bytesOf(view) };
  }

  private dmaAvailable(): InfoCap {
    const { at, size } = iommu_type1_info_dma_avail;
    // Room to the next capability, which is aligned to 8 bytes.
    const view = zeroedView(Math.ceil((size - HEADER) / 8) * 8);
    view.setUint32(at.avail - HEADER, this.state.mappings.available, true);
    return { id: INFO_CAP.TYPE1_DMA_AVAIL, version: 1, payload: bytesOf(view) };
  }

  private iovaRanges(): InfoCap {
    const { list } = this.state.ranges;
    const { at, size } = iommu_type1_info_cap_iova_range;
    const view = zeroedView(size - HEADER + iova_range.size * list.length);
    view.setUint32(at.nr_iovas - HEADER, list.length, true);
    for (const [index, { start, end }] of list.entries()) {
      const entry = size - HEADER + iova_range.size * index;
      view.setBigUint64(entry + iova_range.at.start, BigInt(start), true);
      view.setBigUint64(entry + iova_range.at.end, BigInt(end) - 1n, true);
    }
    return { id: INFO_CAP.TYPE1_IOVA_RANGE, version: 1, payload: bytesOf(view) };
  }

  private encode(argsz: number, capOffset: number): Uint8Array {
    const bytes = zeroedBytes(STRUCT);
    const view = viewOf(bytes);
    view.setUint32(at.argsz, argsz, true);
    view.setUint32(at.flags, IOMMU_INFO.PGSIZES | IOMMU_INFO.CAPS, true);
    view.setBigUint64(at.iova_pgsizes, this.state.pageSizes, true);
    view.setUint32(at.cap_offset, capOffset, true);
    return bytes;
  }
}
