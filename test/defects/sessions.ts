/** Sessions, data files and parents: what outlives its end, what a failed call leaves, who is told of an end. */

import { ended, WaitQueue } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { migrationFsm } from '../../src/vfio/migration/arcs.ts';
import { MLX5_ARCS } from '../../variants/mlx5/arcs.ts';
import { DataBuffer } from '../../variants/mlx5/data-buffer.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { MLX5_OPS } from '../../variants/mlx5/driver.ts';
import { ResumeSession } from '../../variants/mlx5/resume/session.ts';
import { SAFEGUARDS } from '../../variants/mlx5/safeguards.ts';
import { ChunkSaver } from '../../variants/mlx5/save/chunks.ts';
import { SaveCommand } from '../../variants/mlx5/save/command.ts';
import { BufferPool } from '../../variants/mlx5/save/pool.ts';
import { PrecopyInfoCall } from '../../variants/mlx5/save/precopy-info.ts';
import { SaveReader } from '../../variants/mlx5/save/reader.ts';
import { SaveSession } from '../../variants/mlx5/save/session.ts';
import { PageTracker } from '../../variants/mlx5/tracker/page-tracker.ts';
import { TrackerQueues } from '../../variants/mlx5/tracker/queues.ts';
import { VhcaCommands } from '../../variants/mlx5/vhca-commands.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const arcOf = (from: number, to: number) =>
  MLX5_ARCS.find((arc) => arc.from === from && arc.to === to)! as { does: (typeof MLX5_ARCS)[0]['does'] };

/** What is left of a session that could not be opened. */
const NEVER_MADE = { state: 'ERROR', end: () => ended(undefined) } as unknown as ResumeSession;

export const SESSION_DEFECTS: readonly Defect[] = [
  {
    id: 'HISI-06',
    title: 'the file of a load that failed is kept when the device is closed',
    reference: 'db6525a85739',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'endSessions',
        (end) =>
          function* (this: Mlx5VfDevice) {
            if (this.resuming?.state === 'ERROR') this.resuming = undefined;
            yield* end.call(this);
          },
      ),
  },
  {
    id: 'HISI-10',
    title: 'a reset waits for a parent that waits for the reset',
    reference: 'a22099ed7936',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        (done) =>
          function (this: Mlx5VfDevice) {
            if (!this.detached) return done.call(this);
            const queue = new WaitQueue('parent reset');
            return (function* () {
              yield queue;
            })();
          },
      ),
  },
  {
    id: 'PDS-01',
    title: 'a reset leaves the files of a session that is not in error',
    reference: '8512ed256334',
    properties: ['fd lifetime', 'resource bound'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        () =>
          function (this: Mlx5VfDevice) {
            this.state = MIG_STATE.RUNNING;
            return undefined;
          },
      ),
  },
  {
    id: 'PDS-07',
    title: 'commands go to a parent that is being torn down',
    reference: 'CVE-2024-26623, 7e82a8745b95',
    properties: ['parent-interaction scope'],
    plant: () => patch(SAFEGUARDS.PARENT_ATTACHED, 'holds', () => () => true),
  },
  {
    id: 'LVU-08',
    title: 'a device that is opened is in the state in which it was closed',
    reference: 'issue 458, 4f4fce4',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        MLX5_OPS as { open_device: NonNullable<typeof MLX5_OPS.open_device> },
        'open_device',
        (open) =>
          function* (device) {
            const state = device.migratable?.vf.state;
            const result = open(device);
            const opened = typeof result === 'number' ? result : yield* result;
            if (state !== undefined) device.migratable!.vf.state = state;
            return opened;
          },
      ),
  },
  {
    id: 'LVU-08-B',
    title: 'a reset ends the sessions and leaves the state',
    reference: 'issue 458, 4f4fce4',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        () =>
          function* (this: Mlx5VfDevice) {
            yield* this.endSessions();
          },
      ),
  },
  {
    id: 'SPDK-06',
    title: 'a session is freed before the command that will tell it',
    reference: '6f0ff37bbd',
    properties: [
      'FSM legality',
      'parent-interaction scope',
      'fd lifetime',
      'reset and liveness',
      'DMA confinement',
      'resource bound',
    ],
    plant: () =>
      patch(
        SaveSession.prototype,
        'settle',
        () =>
          function* () {
            yield 0;
          },
      ),
  },
  {
    id: 'SPDK-07',
    subject: 'mtty',
    title: 'a number is checked for its upper bound only, and 0 is one',
    reference: '5cd558f383, issue 2172',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        migrationFsm,
        'next',
        (next) => (flags, current, target) =>
          target === 0 ? (0 as ReturnType<typeof next>) : next.call(migrationFsm, flags, current, target),
      ),
  },
  {
    id: 'QEMU-09',
    title: 'a session that could not be opened is in the way of the next',
    reference: '2b43b2995b02',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        arcOf(MIG_STATE.STOP, MIG_STATE.RESUMING),
        'does',
        (does) =>
          function* (device) {
            if (device.resuming !== undefined) return -ERRNO.EBUSY;
            const result = yield* does(device);
            if (typeof result === 'number') device.resuming = NEVER_MADE;
            return result;
          },
      ),
  },
  {
    id: 'SESSION-OWN-01',
    title: 'a buffer that was read is not used again, and not freed',
    reference: 'shape of mlx5vf_buf_read_done',
    properties: ['resource bound', 'parent-interaction scope'],
    plant: () =>
      patch(
        BufferPool.prototype,
        'put',
        () =>
          function (this: BufferPool, buffer: DataBuffer) {
            buffer.chunk = 0;
          },
      ),
  },
  {
    id: 'SESSION-OWN-02',
    title: 'the protection domain of a resume session is kept',
    reference: 'shape of mlx5fv_cmd_clean_migf_resources',
    properties: ['resource bound', 'parent-interaction scope'],
    plant: () =>
      patch(
        ResumeSession.prototype,
        'end',
        () =>
          function* (this: ResumeSession) {
            yield* this.disable();
            yield* this.loader.free();
            this.file.drop();
          },
      ),
  },
  {
    id: 'SESSION-OWN-03',
    title: 'what is to come is not told from the end of the stream in pre-copy',
    reference: 'shape of a missing ENOMSG',
    properties: ['FSM legality'],
    plant: () => patch(SaveReader.prototype, 'empty', () => () => 0),
  },
  {
    id: 'SESSION-OWN-04',
    title: 'a save that failed leaves its file as it was, and the reader waits',
    reference: 'shape of mlx5vf_mark_err',
    properties: ['reset and liveness', 'FSM legality', 'fd lifetime', 'parent-interaction scope'],
    plant: () =>
      patch(
        SaveCommand.prototype,
        'failed',
        () =>
          function (this: SaveCommand) {
            const { session, buffer } = this as unknown as { session: SaveSession; buffer: DataBuffer };
            session.pool.put(buffer);
          },
      ),
  },
  {
    id: 'SESSION-OWN-05',
    title: 'the second chunk goes into the buffer of the first',
    reference: 'shape of the buffers of chunk mode',
    properties: ['save-load round trip', 'reset and liveness', 'stream robustness', 'resource bound'],
    plant: () =>
      patch(
        ChunkSaver.prototype,
        'request',
        (request) =>
          function (this: ChunkSaver, _chunk, bytes) {
            request.call(this, 1, bytes);
          },
      ),
  },
  {
    id: 'SESSION-OWN-06',
    title: 'the chunk that waits for room is never asked for',
    reference: 'shape of next_required_umem_size',
    properties: ['save-load round trip', 'reset and liveness', 'stream robustness'],
    plant: () =>
      patch(
        SaveSession.prototype,
        'consumed',
        (consumed) =>
          function (this: SaveSession, piece) {
            this.delayedChunk = 0;
            consumed.call(this, piece);
          },
      ),
  },
  {
    id: 'SESSION-OWN-07',
    title: 'pre-copy information is given of a session of which the file is no part',
    reference: 'shape of mlx5vf_precopy_ioctl: state test',
    properties: ['FSM legality', 'reset and liveness', 'parent-interaction scope'],
    plant: () =>
      patch(
        PrecopyInfoCall.prototype,
        'report',
        (report) =>
          function (this: PrecopyInfoCall, info, more, reinit) {
            const start = report.call(this, info, more, reinit);
            info.initial_bytes /= 2n;
            return start;
          },
      ),
  },
  {
    id: 'SESSION-OWN-08',
    title: 'an unlock forgets the reset that came meanwhile',
    reference: 'shape of the order of unlocking in mlx5vf_state_mutex_unlock',
    properties: ['reset and liveness', 'fd lifetime'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'unlock',
        () =>
          function* (this: Mlx5VfDevice) {
            this.stateMutex.unlock();
            yield* [];
          },
      ),
  },
  {
    id: 'SESSION-OWN-09',
    title: 'a page tracker is not destroyed when the device is closed',
    reference: 'shape of mlx5vf_cmd_close_migratable',
    properties: ['resource bound', 'parent-interaction scope'],
    plant: () =>
      patch(
        PageTracker.prototype,
        'release',
        (release) =>
          function* (this: PageTracker) {
            if (!this.broken) yield* release.call(this);
          },
      ),
  },
  {
    id: 'SESSION-OWN-10',
    title: 'only the first half of a message of dirty pages is read',
    reference: 'shape of mlx5vf_rq_cqe_handler',
    properties: ['dirty-tracking soundness'],
    plant: () =>
      patch(
        TrackerQueues.prototype,
        'payload',
        (payload) =>
          function (this: TrackerQueues, message) {
            return payload.call(this, { ...message, length: (message.length >> 4) << 3 });
          },
      ),
  },
  {
    id: 'SESSION-OWN-11',
    title: 'a command is sent while a save is under way',
    reference: 'shape of mlx5vf_cmd_suspend_vhca without the completion',
    properties: ['parent-interaction scope', 'FSM legality', 'save-load round trip', 'reset and liveness'],
    plant: () =>
      patch(
        VhcaCommands.prototype,
        'suspend',
        () =>
          function (this: VhcaCommands, opMod) {
            const { device } = this as unknown as { device: Mlx5VfDevice };
            return device.parent.call('suspend', { vhcaId: device.abilities.vhcaId, opMod });
          },
      ),
  },
  {
    id: 'SESSION-OWN-12',
    title: 'a key of a buffer that was too small is kept',
    reference: 'shape of mlx5vf_resume_write: buffers that are outgrown',
    properties: ['resource bound', 'parent-interaction scope'],
    plant: () =>
      patch(
        DataBuffer.prototype,
        'unmap',
        () =>
          function* (this: DataBuffer) {
            yield* [];
            this.mkey = 0;
            this.mapped = 0;
            return 0;
          },
      ),
  },
];
