/** The loop every variant's migration_set_state has in common (e.g. mlx5 main.c: mlx5vf_pci_set_device_state). */
import { type Task, WaitQueue } from '../../../sim/scheduler.ts';
import type { OpenFile } from '../../kernel/file.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE_NR, type MigState } from '../../uapi/vfio.ts';
import { MIG_REFUSED, migrationFsm, type ReachableState } from './arcs.ts';
import type { SetStateResult } from './ops.ts';

/** No path is as long as this; a deferred reset in between may make a walk longer than one path. */
const STEP_BUDGET = 4 * MIG_STATE_NR;

/** fput: gives back a file that will not reach the user. */
export function* dropFile(file: OpenFile): Task<void> {
  const release = file.release?.();
  if (release !== undefined) yield* release;
}

/**
 * Steps from the current state to `target`, the user's unchecked number, and returns the file of the last arc. The state
 * stays at the last one reached when an arc fails. Already there is success, whatever the state machine thinks of the
 * target. The caller holds its state mutex; `step` does one arc (a task if it may sleep), `commit` records it as done.
 */
export function* walkMigration(
  flags: number,
  current: () => MigState,
  step: (from: MigState, to: ReachableState) => SetStateResult | Task<SetStateResult>,
  commit: (to: ReachableState) => void,
  target: number,
): Task<SetStateResult> {
  let file: OpenFile | undefined;
  for (let steps = 0; current() !== target; steps++) {
    if (steps === STEP_BUDGET) return yield* spin();
    const next = migrationFsm.next(flags, current(), target);
    if (next === MIG_REFUSED) return next;
    const call = step(current(), next);
    const result = isTask(call) ? yield* call : call;
    if (typeof result === 'number') return result;
    commit(next);
    if (result !== undefined && current() !== target) {
      // Only the last arc may hand out a file; the kernel warns, and the file is lost, but the state has moved.
      yield* dropFile(result);
      return -ERRNO.EINVAL;
    }
    file = result;
  }
  return file;
}

function isTask(call: SetStateResult | Task<SetStateResult>): call is Task<SetStateResult> {
  return typeof call === 'object' && 'next' in call;
}

/** A state machine that makes no progress is a kernel thread that spins and hears no signal: the call never ends. */
function* spin(): Task<never> {
  const never = new WaitQueue('vfio_mig_get_next_state makes no progress');
  for (;;) yield never;
}
