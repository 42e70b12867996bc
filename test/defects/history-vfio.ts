/** Shapes of further defects in the history of the VFIO core and of variant drivers: references, locks, sessions. */

import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { VfioContainer } from '../../src/vfio/container.ts';
import type { VfioCore } from '../../src/vfio/core.ts';
import type { VfioDevice } from '../../src/vfio/device.ts';
import { VfioGroup } from '../../src/vfio/group.ts';
import { closeDevice } from '../../src/vfio/open.ts';
import { MLX5_FORMAT } from '../../variants/mlx5/format.ts';
import { MTTY_MIGRATION } from '../../variants/mtty/migration.ts';
import { REG } from '../../variants/mtty/registers.ts';
import { Uart } from '../../variants/mtty/uart.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const LIVENESS = 'reset and liveness';
const subject = 'vfio-pci';

interface Group {
  core: VfioCore;
  opened: boolean;
  holders: number;
}

export const HISTORY_VFIO_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-30',
    title: 'a character device that cannot be bound goes on blocking its group',
    subject,
    reference: 'shape of vfio_df_ioctl_bind_iommufd without vfio_df_unblock_group',
    properties: ['resource bound', 'fd lifetime'],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'unblock',
        (unblock) =>
          function (this: VfioGroup) {
            const { core } = inner<Group>(this);
            // Bound and given back without the lock of the set; an error comes with it.
            if (!this.devices.some((device) => core.deviceSet(device).lock.locked)) unblock.call(this);
          },
      ),
  },
  {
    id: 'HIST-OWN-31',
    title: 'a close takes the lock of the group behind that of the device set',
    subject,
    reference: 'shape of 51cdc8bc120e: group_lock and dev_set->lock in two orders',
    properties: [LIVENESS],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'closeDevice',
        () =>
          function* (this: VfioGroup, device: VfioDevice) {
            const { core } = inner<Group>(this);
            const set = core.deviceSet(device);
            yield* set.lock.lock();
            yield* this.lock.lock();
            yield* closeDevice(device, device.openedWith!);
            if (device.openCount === 0) device.openedWith = undefined;
            this.lock.unlock();
            set.lock.unlock();
            core.put(device);
          },
      ),
  },
  {
    id: 'HIST-OWN-32',
    title: 'a device that was found and cannot be opened keeps the reference',
    subject,
    reference: 'shape of vfio_group_ioctl_get_device_fd without vfio_device_put_registration',
    properties: ['fd lifetime', 'resource bound', LIVENESS],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'getDeviceFd',
        (get) =>
          function* (this: VfioGroup, name, caller) {
            const result = yield* get.call(this, name, caller);
            const { core } = inner<Group>(this);
            const device = this.devices.find((known) => known.name === name);
            if (result < 0 && device !== undefined) core.get(device);
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-33',
    title: 'a group that is closed stays in its container',
    subject,
    reference: 'shape of vfio_group_fops_release without vfio_group_detach_container',
    properties: ['fd lifetime', 'resource bound', 'residual data', 'DMA confinement', LIVENESS],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'drop',
        () =>
          function (this: VfioGroup) {
            const group = inner<Group>(this);
            if (--group.holders === 0) group.opened = false;
          },
      ),
  },
  {
    id: 'HIST-OWN-34',
    title: 'a group that no container can take has an owner all the same',
    subject: 'type1',
    reference: 'shape of vfio_container_attach_group without iommu_group_release_dma_owner',
    properties: ['resource bound', 'fd lifetime', LIVENESS, 'DMA confinement'],
    plant: () =>
      patch(
        VfioContainer.prototype,
        'attach',
        (attach) =>
          function (this: VfioContainer, group, caller) {
            const owners = group.iommuGroup?.ownerCount ?? 0;
            const result = attach.call(this, group, caller);
            if (result < 0 && this.backend !== undefined && group.iommuGroup?.ownerCount === owners)
              group.iommuGroup.claim(group);
            return result;
          },
      ),
  },
  {
    id: 'HIST-OWN-35',
    title: 'the opt-in of one user to more of PRECOPY_INFO holds for the next',
    reference: 'shape of vfio_df_device_last_close: what a user chose',
    properties: ['residual data', 'FSM legality', 'noninterference'],
    plant: () =>
      patch(
        VfioGroup.prototype,
        'closeDevice',
        (close) =>
          function* (this: VfioGroup, device: VfioDevice) {
            const { precopyInfoV2 } = device;
            yield* close.call(this, device);
            device.precopyInfoV2 = precopyInfoV2;
          },
      ),
  },
  {
    id: 'HIST-OWN-37',
    title: 'the size of the data is known only once it has been saved',
    subject: 'mtty',
    reference: 'shape of xe_gt_sriov_pf_migration_size before preparation: 0',
    properties: ['save-load round trip', 'FSM legality'],
    plant: () =>
      patch(
        MTTY_MIGRATION,
        'migration_get_data_size',
        (size) =>
          function* (device) {
            const bytes = yield* size(device);
            return device.saving === undefined ? 0 : bytes;
          },
      ),
  },
  {
    id: 'HIST-OWN-39',
    title: 'an ioctl that fails after it slept keeps its device awake',
    subject,
    reference: 'shape of vfio_device_fops_unl_ioctl without vfio_device_pm_runtime_put',
    properties: ['resource bound', LIVENESS, 'interrupt confinement'],
    plant: () =>
      patch(vfioPciOps, 'ioctl', (ioctl) => (core, caller, command, argument) => {
        const result = ioctl!(core, caller, command, argument);
        if (typeof result === 'number') return result;
        return (function* () {
          const done = yield* result;
          if (done < 0) core.power.get();
          return done;
        })();
      }),
  },
  {
    id: 'HIST-OWN-43',
    title: 'interrupts of a port that was loaded are not enabled',
    subject: 'mtty',
    reference: 'shape of hisi_acc: EQ and AEQ interrupts are not restored after a resume',
    properties: ['save-load round trip', 'interrupt confinement', LIVENESS],
    plant: () =>
      patch(
        Uart.prototype,
        'load',
        (load) =>
          function (this: Uart, section) {
            load.call(this, section);
            this.registers[REG.IER] = 0;
          },
      ),
  },
  {
    id: 'HIST-OWN-44',
    title: 'whether the device can load is asked when it has been told to',
    reference: 'shape of hisi_acc vf_qm_check_match: the header is looked at when its image has gone',
    properties: ['stream robustness', LIVENESS, 'parent-interaction scope'],
    plant: () =>
      patch(
        MLX5_FORMAT,
        'decoder',
        (decoder) =>
          function (this: typeof MLX5_FORMAT, sink) {
            const made = decoder.call(this, sink);
            const { write } = made;
            let poisoned = 0;
            made.write = function* (bytes) {
              const result = yield* write.call(made, bytes);
              // Told with the next write only.
              const told = poisoned;
              poisoned = result < 0 ? result : 0;
              return result < 0 && told === 0 ? 0 : result;
            };
            return made;
          },
      ),
  },
];
