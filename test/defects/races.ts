/** Variations of our own: calls that run beside each other, and a lock that is not held. */

import type { Process } from '../../src/kernel/process.ts';
import type { Mutex, Task } from '../../src/kernel/sleep.ts';
import type { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { ResumeSession } from '../../variants/mlx5/resume/session.ts';
import { PrecopyInfoCall } from '../../variants/mlx5/save/precopy-info.ts';
import { SaveReader } from '../../variants/mlx5/save/reader.ts';
import type { SaveSession } from '../../variants/mlx5/save/session.ts';
import { PageTracker } from '../../variants/mlx5/tracker/page-tracker.ts';
import type { Defect } from './defect.ts';
import { inner, patch } from './patch.ts';

const ANY = [
  'FSM legality',
  'fd lifetime',
  'parent-interaction scope',
  'resource bound',
  'reset and liveness',
  'dirty-tracking soundness',
  'stream robustness',
];

/** Runs a method that is to be called with a lock held as if nobody had taken it. */
function without<T, A extends unknown[], R>(lockOf: (self: T) => Mutex, method: (...args: A) => Task<R>) {
  return function* (this: T, ...args: A): Task<R> {
    const lock = lockOf(this);
    lock.unlock();
    const result = yield* method.apply(this, args);
    yield* lock.lock();
    return result;
  };
}

const stateMutex = ({ device }: { readonly device: Mlx5VfDevice }): Mutex => device.stateMutex;

interface Tracker {
  device: Mlx5VfDevice;
  running: unknown;
  start(...args: Parameters<PageTracker['start']>): Task<bigint | number>;
  release(): Task<void>;
  report(...args: Parameters<PageTracker['report']>): Task<number>;
}
interface Info {
  session: SaveSession;
  locked(...args: unknown[]): Task<number>;
}
interface Reader {
  session: SaveSession;
  take(caller: Process, address: number, length: number): Task<number>;
}
interface Writer {
  writeLocked(caller: Process, address: number, length: number): Task<number>;
  consume(caller: Process, address: number, length: number): Task<number>;
}

export const RACE_DEFECTS: readonly Defect[] = [
  {
    id: 'RACE-OWN-01',
    title: 'tracking is started without the state mutex: two trackers at a time',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_start_page_tracker',
    properties: ANY,
    plant: () => patch(inner<Tracker>(PageTracker.prototype), 'start', (start) => without(stateMutex, start)),
  },
  {
    id: 'RACE-OWN-02',
    title: 'tracking is stopped without the state mutex, and the tracker forgotten last: it is stopped twice',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_stop_page_tracker',
    properties: ANY,
    plant: () =>
      patch(
        inner<Tracker>(PageTracker.prototype),
        'release',
        (release) =>
          function* (this: Tracker) {
            const { running } = this;
            const { stateMutex } = this.device;
            stateMutex.unlock();
            yield* release.call(this);
            this.running = running;
            yield* stateMutex.lock();
            this.running = undefined;
          },
      ),
  },
  {
    id: 'RACE-OWN-03',
    title: 'a report is read without the state mutex, while tracking is stopped',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_tracker_read_and_clear',
    properties: ANY,
    plant: () => patch(inner<Tracker>(PageTracker.prototype), 'report', (report) => without(stateMutex, report)),
  },
  {
    id: 'RACE-OWN-04',
    title: 'PRECOPY_INFO saves more without the state mutex, while the session ends',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_precopy_ioctl',
    properties: ANY,
    plant: () =>
      patch(inner<Info>(PrecopyInfoCall.prototype), 'locked', (locked) =>
        without((call: Info) => stateMutex(call.session), locked),
      ),
  },
  {
    id: 'RACE-OWN-05',
    title: 'a saved stream is read without the lock of its file: bytes come twice, or after the session has ended',
    reference: 'shape of a missing mutex_lock(&migf->lock) in mlx5vf_save_read',
    properties: [...ANY, 'save-load round trip'],
    plant: () =>
      patch(inner<Reader>(SaveReader.prototype), 'take', (take) =>
        without((reader: Reader) => reader.session.lock, take),
      ),
  },
  {
    id: 'RACE-OWN-06',
    title: 'a stream is written without a lock, while its session ends',
    reference: 'shape of missing locks in mlx5vf_resume_write',
    properties: [...ANY, 'stream robustness'],
    plant: () =>
      patch(
        inner<Writer>(ResumeSession.prototype),
        'writeLocked',
        () =>
          function (this: Writer, ...args) {
            return this.consume(...args);
          },
      ),
  },
];
