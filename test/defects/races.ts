/** Variations of our own: calls that run beside each other, and a lock that is not held. */
import type { Task } from '../../src/kernel/sleep.ts';
import type { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { PrecopyInfoCall } from '../../variants/mlx5/save/precopy-info.ts';
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
];

/** Runs a method that is to be called with the state mutex held as if nobody had taken it. */
function unlocked<A extends unknown[], R>(method: (...args: A) => Task<R>) {
  return function* (this: { device: Mlx5VfDevice }, ...args: A): Task<R> {
    const { stateMutex } = this.device;
    stateMutex.unlock();
    const result = yield* method.apply(this, args);
    yield* stateMutex.lock();
    return result;
  };
}

interface Tracker {
  device: Mlx5VfDevice;
  running: unknown;
  start(...args: Parameters<PageTracker['start']>): Task<bigint | number>;
  release(): Task<void>;
  report(...args: Parameters<PageTracker['report']>): Task<number>;
}
interface Info {
  locked(...args: unknown[]): Task<number>;
}

export const RACE_DEFECTS: readonly Defect[] = [
  {
    id: 'RACE-OWN-01',
    title: 'tracking is started without the state mutex: two trackers at a time',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_start_page_tracker',
    properties: ANY,
    plant: () => patch(inner<Tracker>(PageTracker.prototype), 'start', (start) => unlocked(start)),
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
    plant: () => patch(inner<Tracker>(PageTracker.prototype), 'report', (report) => unlocked(report)),
  },
  {
    id: 'RACE-OWN-04',
    title: 'PRECOPY_INFO saves more without the state mutex, while the session ends',
    reference: 'shape of a missing mlx5vf_state_mutex_lock in mlx5vf_precopy_ioctl',
    properties: ANY,
    plant: () =>
      patch(
        inner<Info>(PrecopyInfoCall.prototype),
        'locked',
        (locked) =>
          function* (this: { session: { device: Mlx5VfDevice } }, ...args: unknown[]) {
            const { stateMutex } = this.session.device;
            stateMutex.unlock();
            const result = yield* locked.apply(this as never, args);
            yield* stateMutex.lock();
            return result;
          } as Info['locked'],
      ),
  },
];
