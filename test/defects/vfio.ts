/** Defects of the VFIO core and of type1. */
import { deref } from '../../sim/oops.ts';
import { UserIovaBitmap } from '../../src/iommufd/iova-bitmap.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { VfioGroup } from '../../src/vfio/group.ts';
import { MIG_REFUSED, migrationFsm } from '../../src/vfio/migration/arcs.ts';
import { Type1Info } from '../../src/vfio/type1/info.ts';
import { MapDma } from '../../src/vfio/type1/map.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import { UnmapDma } from '../../src/vfio/type1/unmap.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

export const VFIO_DEFECTS: readonly Defect[] = [
  {
    id: 'CORE-01',
    title: 'a forbidden arc spins in the next-state helper',
    reference: 'CVE-2026-64474, a26b499b757c',
    properties: ['FSM legality', 'reset and liveness'],
    // The loop that skips unsupported states takes ERROR for one, and ERROR leads to ERROR.
    plant: () =>
      patch(migrationFsm, 'next', (next) => (flags, current, target) => {
        const result = next.call(migrationFsm, flags, current, target);
        if (target <= 0 || target >= 8) return result;
        for (let step: number = result === MIG_REFUSED ? MIG_STATE.ERROR : result; step === MIG_STATE.ERROR; )
          step = MIG_STATE.ERROR;
        return result;
      }),
  },
  {
    id: 'CORE-04',
    title: 'an opener is not counted, its close is',
    reference: '982ddd59ed97',
    properties: ['fd lifetime', 'reset and liveness'],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'openDevice',
        (open) =>
          function* (this: VfioGroup, device, caller) {
            const error = yield* open.call(this, device, caller);
            if (error === 0 && device.openCount > 1) device.openCount--;
            return error;
          },
      ),
  },
  {
    id: 'CORE-07',
    title: 'leaving a container follows a pointer that was never set',
    reference: 'CVE-2023-54174, d649c34cb916',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'unsetContainer',
        (unset) =>
          function (this: VfioGroup) {
            const result = unset.call(this);
            // The reference of an iommufd is given back, though the group never had one.
            if (result === 0) deref<object>(undefined, 'group->iommufd');
            return result;
          },
      ),
  },
  {
    id: 'T1-01',
    title: 'no limit on the number of DMA mappings',
    reference: 'CVE-2019-3882, 492855939bdb',
    properties: ['resource bound'],
    plant: () =>
      patch(
        MapDma.prototype,
        'checkRange',
        (check) =>
          function (this: MapDma, start, length) {
            const result = check.call(this, start, length);
            return result === -ERRNO.ENOSPC ? 0 : result;
          },
      ),
  },
  {
    id: 'T1-03',
    title: 'padding of a capability holds kernel memory',
    reference: 'CVE-2023-54137, cd24e2a60af6',
    properties: ['residual data'],
    plant: () =>
      patch(
        Type1Info.prototype,
        'ioctl',
        (ioctl) =>
          function (this: Type1Info, caller, argument) {
            const result = ioctl.call(this, caller, argument);
            // The four bytes behind the flags of the migration capability, as uncleared memory has them.
            const memory = caller.memory as unknown as { memory: { fill: number } };
            caller.memory.write(argument + 36, new Uint8Array(4).fill(memory.memory.fill));
            return result;
          },
      ),
  },
  {
    id: 'T1-06',
    title: 'unmapping a range that ends at the top of the address space finds nothing',
    reference: '6012379ede6a, 1196f1f897d4, ef270ec44637',
    properties: ['DMA confinement'],
    plant: () =>
      patch(
        UnmapDma.prototype,
        'unmap',
        (unmap) =>
          function (this: UnmapDma, request, bitmap, caller) {
            return request.iova + request.size === 1n << 48n ? 0 : unmap.call(this, request, bitmap, caller);
          },
      ),
  },
  {
    id: 'T1-10',
    title: 'pages are let go while the translation stays',
    reference: 'report of 2018 on 4.18',
    properties: ['DMA confinement'],
    plant: () =>
      patch(Pinning.prototype, 'unmapAndUnpin', () => () => {
        /* the IOMMU is not told */
      }),
  },
  {
    id: 'PDS-03',
    title: 'the dirty bitmap is indexed by the absolute address',
    reference: 'pds_vfio dirty.c, range start',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'set',
        (set) =>
          function (this: UserIovaBitmap, iova, length) {
            const base = (this as unknown as { iova: bigint }).iova;
            set.call(this, iova + base, length);
          },
      ),
  },
  {
    id: 'PCI-13',
    title: 'mmap takes a region index beyond the known regions',
    reference: 'vfio/pci: Add missing range check in vfio_pci_mmap',
    properties: ['config-space confinement'],
    plant: () =>
      patch(
        VfioDeviceFile.prototype,
        'mmap',
        (mmap) =>
          function (this: VfioDeviceFile<unknown>, caller, request) {
            const index = Math.floor(request.offset / 2 ** 40);
            return mmap.call(this, caller, {
              ...request,
              offset: index > 8 ? request.offset % 2 ** 40 : request.offset,
            });
          },
      ),
  },
];
