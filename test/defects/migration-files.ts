/** Still more of our own on migration: data files as they are not meant to be called, ranges to be logged, and bitmaps. */
import { UserIovaBitmap } from '../../src/iommufd/iova-bitmap.ts';
import { viewOf } from '../../src/kernel/bytes.ts';
import type { OpenFile } from '../../src/kernel/file.ts';
import type { Process } from '../../src/kernel/process.ts';
import type { Task } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { DataFile } from '../../src/vfio/migration/data-fd.ts';
import type { LogRange } from '../../src/vfio/migration/ops.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { SaveReader } from '../../variants/mlx5/save/reader.ts';
import type { SaveSession } from '../../variants/mlx5/save/session.ts';
import { PageTracker } from '../../variants/mlx5/tracker/page-tracker.ts';
import { Session } from '../../variants/mtty/migration.ts';
import type { Defect } from './defect.ts';
import { inner, patch, type Undo } from './patch.ts';

/** Changes a DMA_LOGGING_START before the core sees it: the number of ranges, and the first of them. */
const atLogStart = (change: (count: number, list: DataView, caller: Process) => number | undefined): Undo =>
  patch(
    VfioDeviceFile.prototype,
    'ioctl',
    (ioctl) =>
      function (this: VfioDeviceFile<unknown>, caller, command, argument) {
        const bytes = command === VFIO.DEVICE_FEATURE ? caller.memory.copyIn(argument, 32) : undefined;
        const view = bytes && viewOf(bytes);
        if (bytes && view?.getUint32(4, true) === (FEATURE.DMA_LOGGING_START | FEATURE_FLAG.SET)) {
          const count = view.getUint32(16, true);
          const at = Number(view.getBigUint64(24, true));
          const list = caller.memory.copyIn(at, 16 * Math.min(count, 256));
          const now = list && change(count, viewOf(list), caller);
          if (list !== undefined && now !== undefined) {
            caller.memory.write(at, list);
            view.setUint32(16, now, true);
            caller.memory.write(argument, bytes);
          }
        }
        return ioctl.call(this, caller, command, argument);
      },
  );

/** What a test can patch of a reader, and of a tracker. */
const READER = inner<{ session: SaveSession; nonblocking: boolean; empty(): number }>(SaveReader.prototype);
const TRACKER = inner<{ create(queues: unknown, ranges: readonly LogRange[], ...rest: unknown[]): Task<number> }>(
  PageTracker.prototype,
);
const SERIAL = inner<{ bytes: Uint8Array; filled: number; header(): void; appendPorts(): void }>(Session.prototype);

export const MIGRATION_FILE_DEFECTS: readonly Defect[] = [
  {
    id: 'MIG-OWN-19',
    title: 'logging that is on is started again',
    reference: 'shape of mlx5vf_start_page_tracker: log_active is not looked at',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        PageTracker.prototype,
        'start',
        (start) =>
          function* (this: PageTracker, ranges, pageSize) {
            return this.active ? pageSize : yield* start.call(this, ranges, pageSize);
          },
      ),
  },
  {
    id: 'MIG-OWN-20',
    title: 'of ranges that overlap the first is logged',
    reference: 'shape of vfio_ioctl_device_feature_logging_start: interval_tree_iter_first',
    properties: ['FSM legality'],
    plant: () =>
      atLogStart((count, list) => {
        if (count !== 2) return undefined;
        const [a, b] = [list.getBigUint64(0, true), list.getBigUint64(16, true)];
        const last = a + list.getBigUint64(8, true);
        return a <= b && b < last ? 1 : undefined;
      }),
  },
  {
    id: 'MIG-OWN-21',
    title: 'ranges beyond those the device takes are left out',
    reference: 'shape of vfio_combine_iova_ranges',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        TRACKER,
        'create',
        (create) =>
          function (this: typeof TRACKER, queues, ranges, ...rest) {
            return create.call(this, queues, ranges.slice(-8), ...rest);
          },
      ),
  },
  {
    id: 'MIG-OWN-22',
    title: 'a bitmap ends where its page does',
    reference: 'shape of iova_bitmap_set: bitmaps that do not begin at a page',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        UserIovaBitmap.prototype,
        'set',
        (set) =>
          function (this: UserIovaBitmap, iova, length) {
            const { address } = this as unknown as { address: number };
            const at = address + Math.floor(this.bitOf(iova) / 8);
            if (at >> 12 === address >> 12) set.call(this, iova, length);
          },
      ),
  },
  {
    id: 'MIG-OWN-23',
    title: 'PRECOPY_INFO takes any argsz',
    reference: 'shape of vfio_check_precopy_ioctl: argsz below the minimum',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        DataFile.prototype,
        'ioctl',
        (ioctl) =>
          function (this: DataFile, caller, command, argument) {
            const bytes = caller.memory.copyIn(argument, 4);
            if (bytes !== undefined && command === VFIO.MIG_GET_PRECOPY_INFO)
              caller.memory.write(argument, Uint8Array.of(24, 0, 0, 0));
            return ioctl.call(this, caller, command, argument);
          },
      ),
  },
  {
    id: 'MIG-OWN-24',
    title: 'a position that is given is ignored',
    reference: 'shape of stream_open and of *pos that must be null',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        DataFile.prototype,
        'write',
        (write) =>
          function (this: DataFile, caller, address, length) {
            return write.call(this, caller, address, length, undefined);
          },
      ),
  },
  {
    id: 'MIG-OWN-25',
    title: 'who does not wait is told the end while the last image is being saved',
    reference: 'shape of mlx5vf_save_read: EAGAIN left out',
    properties: ['FSM legality', 'save-load round trip', 'reset and liveness', 'stream robustness'],
    plant: () =>
      patch(
        READER,
        'empty',
        (empty) =>
          function (this: typeof READER) {
            const result = empty.call(this);
            return result === -ERRNO.EAGAIN ? 0 : result;
          },
      ),
  },
  {
    id: 'MIG-OWN-26',
    title: 'an outage of the parent leaves the tracker as if it were on',
    reference: 'shape of mlx5vf_cmd_close_migratable without _mlx5vf_free_page_tracker_resources',
    properties: ['dirty-tracking soundness', 'parent-interaction scope', 'resource bound'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'vfEvent',
        (event) =>
          function* (this: Mlx5VfDevice, which) {
            const tracker = this.tracker as unknown as { running: unknown };
            const { running } = tracker;
            yield* event.call(this, which);
            if (which === 'disable' && running !== undefined)
              tracker.running = { ...running, unhook: () => undefined, queues: { free: function* () {} } };
          },
      ),
  },
  {
    id: 'MIG-OWN-27',
    title: 'a device that copies while it runs does not say so',
    reference: 'shape of migration_flags that are not set',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        VfioDeviceFile.prototype,
        'ioctl',
        (ioctl) =>
          function (this: VfioDeviceFile<unknown>, caller, command, argument) {
            const result = ioctl.call(this, caller, command, argument);
            const bytes = result === 0 && command === VFIO.DEVICE_FEATURE && caller.memory.copyIn(argument, 16);
            const view = bytes ? viewOf(bytes) : undefined;
            if (bytes && view?.getUint32(4, true) === (FEATURE.MIGRATION | FEATURE_FLAG.GET)) {
              view.setUint32(8, view.getUint32(8, true) & 3, true);
              caller.memory.write(argument, bytes);
            }
            return result;
          },
      ),
  },
  {
    id: 'MIG-OWN-28',
    subject: 'mtty',
    title: 'the ports are saved as they were when pre-copy began',
    reference: 'shape of state that is captured too early',
    properties: ['save-load round trip'],
    plant: () => {
      const { appendPorts } = SERIAL;
      const early = patch(
        SERIAL,
        'header',
        (header) =>
          function (this: typeof SERIAL) {
            header.call(this);
            appendPorts.call(this);
            this.filled = 24;
          },
      );
      const late = patch(
        SERIAL,
        'appendPorts',
        () =>
          function (this: typeof SERIAL) {
            this.filled = this.bytes.length;
          },
      );
      return () => {
        late();
        early();
      };
    },
  },
  {
    id: 'MIG-OWN-29',
    title: 'who does not want to wait waits',
    reference: 'shape of mlx5vf_save_read: O_NONBLOCK is not looked at',
    properties: ['reset and liveness', 'FSM legality'],
    plant: () =>
      patch(
        SaveReader.prototype,
        'read',
        (read) =>
          function* (this: SaveReader, caller, address, length) {
            const { file } = (this as unknown as { session: SaveSession }).session;
            const open = file as OpenFile;
            const { nonblock } = open;
            open.nonblock = false;
            const result = yield* read.call(this, caller, address, length);
            open.nonblock = nonblock ?? false;
            return result;
          },
      ),
  },
];
