/** Variations of our own: what else can go wrong with sessions, their buffers, and the page tracker. */
import { DataBuffer } from '../../variants/mlx5/data-buffer.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { ResumeSession } from '../../variants/mlx5/resume/session.ts';
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

export const OWN_SESSION_DEFECTS: readonly Defect[] = [
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
    properties: ['FSM legality', 'reset and liveness'],
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
