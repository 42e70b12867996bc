/** Shapes from the history of mlx5-vfio-pci and of those who migrate devices: rings that wrap, reports that come late, counts. */
import { ImageLoader } from '../../variants/mlx5/resume/loader.ts';
import { ChunkSaver } from '../../variants/mlx5/save/chunks.ts';
import { SaveCommand } from '../../variants/mlx5/save/command.ts';
import { SaveReader } from '../../variants/mlx5/save/reader.ts';
import { SaveSession } from '../../variants/mlx5/save/session.ts';
import { PageTracker } from '../../variants/mlx5/tracker/page-tracker.ts';
import { TrackerQueues } from '../../variants/mlx5/tracker/queues.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const dirty = ['dirty-tracking soundness'];
const live = ['reset and liveness'];

/** What the queues of a tracker keep for themselves. */
interface Rings {
  consumed: number;
  readonly logEntries: number;
  setRecord(at: number, counter: number): void;
  post(index: number): void;
}
const rings = (queues: object): Rings => queues as Rings;

export const HISTORY_MIGRATION_DEFECTS: readonly Defect[] = [
  {
    id: 'HIST-OWN-90',
    title: 'the second round of a completion ring is taken for the first',
    reference: 'shape of mlx5vf_cq_poll_one and get_sw_cqe: the owner bit',
    properties: [...dirty, ...live, 'parent-interaction scope'],
    plant: () =>
      patch(
        TrackerQueues.prototype,
        'poll',
        (poll) =>
          function (this: TrackerQueues) {
            const own = rings(this);
            own.consumed &= 2 ** own.logEntries - 1;
            return poll.call(this);
          },
      ),
  },
  {
    id: 'HIST-OWN-91',
    title: 'the buffer of a message that was read is not given back to the card',
    reference: 'shape of mlx5vf_rq_cqe_handler and mlx5vf_post_recv',
    properties: [...dirty, ...live, 'parent-interaction scope'],
    plant: () =>
      patch(rings(TrackerQueues.prototype), 'post', () => () => {
        /* the card finds it used up */
      }),
  },
  {
    id: 'HIST-OWN-92',
    title: 'the card is not told what of the completion ring was read',
    reference: 'shape of mlx5_cq_set_ci',
    properties: [...dirty, ...live, 'parent-interaction scope'],
    plant: () =>
      patch(
        rings(TrackerQueues.prototype),
        'setRecord',
        (setRecord) =>
          function (this: Rings, at, counter) {
            if (at !== 0) setRecord.call(this, at, counter);
          },
      ),
  },
  {
    id: 'HIST-OWN-93',
    title: 'a report that has not come yet is taken for an empty one',
    reference: 'shape of mlx5vf_tracker_read_and_clear: CQ_EMPTY',
    properties: dirty,
    plant: () =>
      patch(
        TrackerQueues.prototype,
        'poll',
        (poll) =>
          function (this: TrackerQueues) {
            const result = poll.call(this);
            return result === 'empty' ? { index: 0, length: 0, immediate: 0 } : result;
          },
      ),
  },
  {
    id: 'HIST-OWN-96',
    title: 'initial bytes are counted twice',
    reference: 'shape of mlx5vf_save_callback: pre_copy_initial_bytes',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        SaveCommand.prototype,
        'completed',
        (completed) =>
          function (this: SaveCommand, outcome) {
            const { session } = this as unknown as { session: SaveSession };
            const before = session.initialBytes;
            completed.call(this, outcome);
            session.initialBytes += session.initialBytes - before;
          },
      ),
  },
  {
    id: 'HIST-OWN-97',
    title: 'the last image is saved into the buffer that was reserved, whatever it needs',
    reference: 'shape of mlx5vf_mig_file_get_stop_copy_buf',
    properties: ['save-load round trip', 'FSM legality', 'parent-interaction scope', ...live],
    plant: () =>
      patch(
        ChunkSaver.prototype,
        'take',
        (take) =>
          function (this: ChunkSaver, index) {
            return take.call(this, index, 0);
          },
      ),
  },
  {
    id: 'HIST-OWN-98',
    title: 'an image that the card refuses is taken',
    reference: 'shape of mlx5vf_cmd_load_vhca_state and its errors',
    properties: ['stream robustness', 'save-load round trip'],
    plant: () =>
      patch(
        ImageLoader.prototype,
        'load',
        (load) =>
          function* (this: ImageLoader, size) {
            return Math.max(0, yield* load.call(this, size));
          },
      ),
  },
  {
    id: 'HIST-OWN-100',
    title: 'a data file polls as readable where a read would wait',
    reference: 'shape of mlx5vf_save_poll',
    properties: live,
    plant: () => patch(SaveReader.prototype, 'poll', () => () => 0x41),
  },
  {
    id: 'HIST-OWN-101',
    title: 'a session ends while its save is under way',
    reference: 'shape of mlx5_cmd_cleanup_async_ctx in mlx5vf_disable_fds, dc5c9ec5ba6e',
    properties: [...live, 'parent-interaction scope', 'resource bound', 'save-load round trip', 'fd lifetime'],
    plant: () =>
      patch(
        SaveSession.prototype,
        'settle',
        () =>
          function* () {
            yield* [];
          },
      ),
  },
  {
    id: 'HIST-OWN-102',
    title: 'the pages of a message are taken in the order of the other end of the machine',
    reference: 'shape of set_report_output: dirty_address_high and _low',
    properties: dirty,
    plant: () =>
      patch(
        TrackerQueues.prototype,
        'payload',
        (payload) =>
          function (this: TrackerQueues, message) {
            const view = payload.call(this, message);
            for (let at = 0; view !== undefined && at + 8 <= view.byteLength; at += 8) {
              const high = view.getUint32(at);
              view.setUint32(at, view.getUint32(at + 4));
              view.setUint32(at + 4, high);
            }
            return view;
          },
      ),
  },
  {
    id: 'HIST-OWN-103',
    title: 'of the messages of a report only the first is read',
    reference: 'shape of the loop of mlx5vf_tracker_read_and_clear',
    properties: [...dirty, ...live],
    plant: () =>
      patch(
        inner<{ mark(...call: unknown[]): number }>(PageTracker.prototype),
        'mark',
        (mark) =>
          function (this: object, ...call) {
            mark.apply(this as never, call);
            return 0;
          },
      ),
  },
];
