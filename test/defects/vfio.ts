/** Defects of the VFIO core. */
import { deref } from '../../sim/oops.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { VfioGroup } from '../../src/vfio/group.ts';
import { MIG_REFUSED, migrationFsm } from '../../src/vfio/migration/arcs.ts';
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
