/** More of our own on migration: the front of VFIO_DEVICE_FEATURE, what is told of a session, and what an arc leaves. */
import { Engine } from '../../sim/devices/mlx5/engine.ts';
import type { VfState } from '../../sim/devices/mlx5/vf-state.ts';
import { viewOf } from '../../src/kernel/bytes.ts';
import { ended, type Task } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { MLX5_MIGRATION_OPS } from '../../variants/mlx5/driver.ts';
import { SAFEGUARDS, TAG } from '../../variants/mlx5/safeguards.ts';
import { PrecopyInfoCall } from '../../variants/mlx5/save/precopy-info.ts';
import { SaveReader } from '../../variants/mlx5/save/reader.ts';
import type { SaveSession } from '../../variants/mlx5/save/session.ts';
import { PageTracker } from '../../variants/mlx5/tracker/page-tracker.ts';
import { VhcaCommands } from '../../variants/mlx5/vhca-commands.ts';
import { Session } from '../../variants/mtty/migration.ts';
import type { Defect } from './defect.ts';
import { inner, patch, type Undo } from './patch.ts';

const { MASK, GET, SET, PROBE } = FEATURE_FLAG;

/** Changes the header of every VFIO_DEVICE_FEATURE before the core sees it. */
const atFeature = (change: (flags: number, argsz: number) => { flags?: number; argsz?: number } | undefined): Undo =>
  patch(
    VfioDeviceFile.prototype,
    'ioctl',
    (ioctl) =>
      function (this: VfioDeviceFile<unknown>, caller, command, argument) {
        const bytes = command === VFIO.DEVICE_FEATURE ? caller.memory.copyIn(argument, 8) : undefined;
        if (bytes !== undefined) {
          const view = viewOf(bytes);
          const { flags, argsz } = change(view.getUint32(4, true), view.getUint32(0, true)) ?? {};
          if (argsz !== undefined) view.setUint32(0, argsz, true);
          if (flags !== undefined) view.setUint32(4, flags >>> 0, true);
          if (flags !== undefined || argsz !== undefined) caller.memory.write(argument, bytes);
        }
        return ioctl.call(this, caller, command, argument);
      },
  );

const SERIAL = inner<{ position: number; precopyInfo(...call: unknown[]): number }>(Session.prototype);
/** What a test can patch of a reader. */
const READER = inner<{
  session: SaveSession;
  copy(...call: [unknown, number, { start: number }, number]): Task<boolean>;
}>(SaveReader.prototype);

export const MORE_MIGRATION_DEFECTS: readonly Defect[] = [
  {
    id: 'MIG-OWN-01',
    title: 'GET and SET in one call are taken for SET',
    reference: 'shape of vfio_ioctl_device_feature: GET and SET exclude each other',
    properties: ['FSM legality'],
    plant: () =>
      atFeature((flags) =>
        (flags & (GET | SET | PROBE)) >>> 0 === (GET | SET) >>> 0 ? { flags: flags & ~GET } : undefined,
      ),
  },
  {
    id: 'MIG-OWN-02',
    title: 'a probe is carried out',
    reference: 'shape of vfio_check_feature: the probe returns before the payload',
    properties: ['FSM legality'],
    plant: () => atFeature((flags) => (flags & PROBE && flags & (GET | SET) ? { flags: flags & ~PROBE } : undefined)),
  },
  {
    id: 'MIG-OWN-03',
    title: 'a feature is answered into less room than it needs',
    reference: 'shape of vfio_check_feature: argsz below the minimum',
    properties: ['FSM legality', 'residual data'],
    plant: () =>
      atFeature((flags, argsz) => {
        const feature = flags & MASK;
        const state = feature === FEATURE.MIG_DEVICE_STATE || feature === FEATURE.MIG_DATA_SIZE;
        return state && argsz >= 8 && argsz < 16 ? { argsz: 16 } : undefined;
      }),
  },
  {
    id: 'MIG-OWN-04',
    title: 'flags of a feature that nobody knows are ignored',
    reference: 'shape of vfio_ioctl_device_feature: unknown flags',
    properties: ['FSM legality'],
    plant: () => atFeature((flags) => ({ flags: flags & (MASK | GET | SET | PROBE) })),
  },
  {
    id: 'MIG-OWN-05',
    title: 'the size of the data is that of its first chunk',
    reference: 'shape of mlx5vf_pci_get_data_size: remaining_total_size in chunk mode',
    properties: ['FSM legality', 'save-load round trip'],
    plant: () =>
      patch(
        MLX5_MIGRATION_OPS,
        'migration_get_data_size',
        (size) =>
          function* (data) {
            return Math.min(yield* size(data), 4096);
          },
      ),
  },
  {
    id: 'MIG-OWN-06',
    title: 'a file with bytes in it does not poll as readable',
    reference: 'shape of mlx5vf_save_poll: only the end is told',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        SaveReader.prototype,
        'poll',
        (poll) =>
          function (this: SaveReader) {
            const { state } = (this as unknown as { session: SaveSession }).session;
            return state === 'PRE_COPY' ? 0 : poll.call(this);
          },
      ),
  },
  {
    id: 'MIG-OWN-07',
    title: 'who polls a file whose session has ended is never woken',
    reference: 'shape of 82470eba9df9: a disabled file and its pollers',
    properties: ['reset and liveness', 'fd lifetime'],
    plant: () =>
      patch(
        SaveReader.prototype,
        'poll',
        (poll) =>
          function (this: SaveReader) {
            const { state } = (this as unknown as { session: SaveSession }).session;
            return state === 'ERROR' ? 0 : poll.call(this);
          },
      ),
  },
  {
    id: 'MIG-OWN-08',
    title: 'a read that faults has read all the same',
    reference: 'shape of a position that is moved before copy_to_user is looked at',
    properties: ['save-load round trip', 'stream robustness', 'FSM legality'],
    plant: () =>
      patch(
        READER,
        'copy',
        (copy) =>
          function* (this: typeof READER, ...call) {
            const { session } = this;
            const { position } = session;
            if (yield* copy.apply(this, call)) return true;
            session.position = position + call[3];
            return false;
          },
      ),
  },
  {
    id: 'MIG-OWN-09',
    title: 'a VF stays out of service when its parent is back',
    reference: 'shape of mlx5fv_vf_event: MLX5_PF_NOTIFY_ENABLE_VF',
    properties: ['FSM legality', 'reset and liveness', 'parent-interaction scope', 'dirty-tracking soundness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'vfEvent',
        (event) =>
          function (this: Mlx5VfDevice, which) {
            return which === 'enable' ? ended(undefined) : event.call(this, which);
          },
      ),
  },
  {
    id: 'MIG-OWN-10',
    title: 'a report of a part clears all',
    reference: 'shape of mlx5vf_cmd_modify_tracker: the range is not given',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        PageTracker.prototype,
        'report',
        (report) =>
          function* (this: PageTracker, iova, length, dirty) {
            const { running } = this as unknown as { running: { id: number } | undefined };
            if (running === undefined) return yield* report.call(this, iova, length, dirty);
            const base = iova - (iova % 0x10_0000n);
            return yield* report.call(this, base, length + 0x10_0000n, {
              set: (at, size) => {
                if (at >= iova && at < iova + length) dirty.set(at, size);
              },
            });
          },
      ),
  },
  {
    id: 'MIG-OWN-11',
    title: 'after a reset of the device its log cannot be read',
    reference: 'shape of a reset that takes the tracker along',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        (done) =>
          function (this: Mlx5VfDevice) {
            this.tracker.broken = this.tracker.active;
            return done.call(this);
          },
      ),
  },
  {
    id: 'MIG-OWN-12',
    title: 'a page of the tracker is taken for one of the host',
    reference: 'shape of mlx5vf_create_tracker: log_page_size against PAGE_SIZE',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        PageTracker.prototype,
        'report',
        (report) =>
          function (this: PageTracker, iova, length, dirty) {
            return report.call(this, iova, length, { set: (at) => dirty.set(at, 4096n) });
          },
      ),
  },
  {
    id: 'MIG-OWN-13',
    title: 'a fresh count of initial bytes leaves out what is in the file',
    reference: 'shape of VFIO_PRECOPY_INFO_REINIT',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        PrecopyInfoCall.prototype,
        'report',
        (report) =>
          function (this: PrecopyInfoCall, info, more, reinit) {
            const { session } = this as unknown as { session: SaveSession };
            const unread = BigInt(session.length - session.position);
            const start = report.call(this, info, more, reinit);
            if (reinit) info.initial_bytes -= unread;
            return start;
          },
      ),
  },
  {
    id: 'MIG-OWN-14',
    title: 'who did not ask for it is told to count anew',
    reference: 'shape of VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: the opt-in is not looked at',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        PrecopyInfoCall.prototype,
        'reinit',
        () =>
          (migrationState): boolean =>
            migrationState === 4,
      ),
  },
  {
    id: 'MIG-OWN-15',
    title: 'the device begins new work in RUNNING_P2P',
    reference: 'shape of quiescing one arc too late',
    properties: ['save-load round trip'],
    plant: () =>
      patch(
        Engine.prototype,
        'mayStart',
        (mayStart) =>
          function (this: Engine, queue) {
            const { suspended } = (this as unknown as { state: VfState }).state;
            if (!suspended.initiator || suspended.responder) return mayStart.call(this, queue);
            suspended.initiator = false;
            const may = mayStart.call(this, queue);
            suspended.initiator = true;
            return may;
          },
      ),
  },
  {
    id: 'MIG-OWN-16',
    title: 'an error of resuming the device is not told',
    reference: 'shape of a resume arc whose error is ignored: the device is left suspended',
    properties: ['FSM legality', 'reset and liveness', 'parent-interaction scope', 'save-load round trip'],
    plant: () =>
      patch(
        VhcaCommands.prototype,
        'resume',
        (resume) =>
          function* (this: VhcaCommands, opMod) {
            const result = yield* resume.call(this, opMod);
            return result === -ERRNO.ENOTCONN ? result : 0;
          },
      ),
  },
  {
    id: 'MIG-OWN-17',
    title: 'a record that may be skipped is refused',
    reference: 'shape of mlx5vf_resume_read_header: MLX5_MIGF_HEADER_FLAGS_TAG_OPTIONAL',
    properties: ['stream robustness'],
    plant: () =>
      patch(
        SAFEGUARDS.KNOWN_TAG,
        'holds',
        () =>
          ({ tag }) =>
            tag === TAG.FW_DATA || tag === TAG.STOP_COPY_SIZE,
      ),
  },
  {
    id: 'MIG-OWN-18',
    subject: 'mtty',
    title: 'PRECOPY_INFO counts what was read already',
    reference: 'shape of initial_bytes that never become 0',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        SERIAL,
        'precopyInfo',
        (info) =>
          function (this: typeof SERIAL, ...call) {
            const { position } = this;
            this.position = 0;
            const result = info.apply(this, call);
            this.position = position;
            return result;
          },
      ),
  },
];
