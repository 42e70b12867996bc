/** How a tenant comes to its device, and maps memory for it. */
import type { DeviceClient } from '../../client/device.ts';
import { ERRNO } from '../../uapi/errno.ts';
import type { Factor } from '../setting.ts';
import type { ShadowMapping } from '../tenant.ts';

/** The names of ways; what is offered by one way only says so. */
export type WayKind = 'type1v2' | 'type1' | 'cdev' | 'compat' | 'noiommu';

/** In the order of their numbers in a setting. */
export const WAY_FACTOR: Factor & { readonly kinds: readonly WayKind[] } = {
  name: 'way',
  values: ['group with type1v2', 'group with type1', 'cdev with iommufd', 'group with iommufd as container'],
  kinds: ['type1v2', 'type1', 'cdev', 'compat'],
};

/** One tenant's. Results are those of the calls: negated errnos, and what is described. */
export interface Way {
  /**
   * Opens the device, and makes what was mapped reach it. `token` is the secret that goes with a PF and its VFs, if
   * not the one that was agreed on; `undefined`: none is shown.
   */
  open(token?: { readonly uuid: Uint8Array | undefined }): DeviceClient | number;
  /** Maps; 0. */
  map(vaddr: number, iova: number, length: number, flags: number): number;
  /** Unmaps; the number of bytes. */
  unmap(iova: number, size: number, all: boolean): number;
}

/** Which of the mappings a call to unmap [iova, iova + size) that answered `result` has taken away, by the rules of the way. */
export function unmappedBy(
  kind: WayKind,
  shadow: { within(start: number, length: number): ShadowMapping[]; readonly items: readonly ShadowMapping[] },
  { iova, size, all }: { readonly iova: number; readonly size: number; readonly all: boolean },
  result: number,
): readonly ShadowMapping[] {
  const iommufd = kind === 'cdev' || kind === 'compat';
  if (result < 0 && !(iommufd && result === -ERRNO.ENOENT)) return [];
  if (all) return [...shadow.items];
  const touched = shadow.within(iova, size);
  // One that the range cuts ends the call; those before it are gone (io_pagetable.c: iopt_unmap_iova_range).
  const cut = touched.findIndex(({ start, length }) => start < iova || start + length > iova + size);
  if (iommufd) return cut < 0 ? touched : touched.slice(0, cut);
  // type1 v1: what begins inside goes as a whole; one that began before ends the call (vfio_iommu_type1.c: vfio_dma_do_unmap).
  return kind === 'type1' && touched.length > 0 && touched[0]!.start < iova ? [] : touched;
}
