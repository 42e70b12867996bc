/** The arcs of the migration state machine, as a table (drivers/vfio/pci/mlx5/main.c: mlx5vf_pci_step_device_state_locked). */
import type { Task } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, type MigState } from '../../src/uapi/vfio.ts';
import type { SetStateResult } from '../../src/vfio/migration/ops.ts';
import { RESUME, SUSPEND } from './core/migration-commands.ts';
import type { Mlx5VfDevice } from './device.ts';
import { startResume } from './resume/session.ts';
import { abandonSave, finishSave, startSave } from './save/start.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;

/** What an arc does: the data file it opens, nothing, or a negated errno. The caller holds the state mutex. */
export type ArcAction = (device: Mlx5VfDevice) => Task<SetStateResult>;

export interface Mlx5Arc {
  readonly from: MigState;
  readonly to: MigState;
  does: ArcAction;
}

function suspend(opMod: number): ArcAction {
  return function* (device) {
    const result = yield* device.commands.suspend(opMod);
    return result < 0 ? result : undefined;
  };
}

function resume(opMod: number): ArcAction {
  return function* (device) {
    const result = yield* device.commands.resume(opMod);
    return result < 0 ? result : undefined;
  };
}

function save(track: boolean): ArcAction {
  return function* (device) {
    const session = yield* startSave(device, track);
    if (typeof session === 'number') return session;
    device.saving = session;
    return session.file;
  };
}

function* load(device: Mlx5VfDevice): Task<SetStateResult> {
  const session = yield* startResume(device);
  if (typeof session === 'number') return session;
  device.resuming = session;
  return session.file;
}

function* endSessions(device: Mlx5VfDevice): Task<undefined> {
  yield* device.endSessions();
  return undefined;
}

/** The firmware is told first, so that it gives back what it holds for tracking. */
function* leavePreCopy(device: Mlx5VfDevice): Task<SetStateResult> {
  const { saving } = device;
  if (saving === undefined) {
    const attached = device.attached();
    return attached < 0 ? attached : undefined;
  }
  const result = yield* abandonSave(saving);
  if (result < 0) return result;
  // Whatever the firmware answered, the session is over; an error of it is told.
  yield* saving.settle();
  const failed = saving.state === 'ERROR';
  yield* device.endSessions();
  return failed ? -ERRNO.EIO : undefined;
}

/** The last suspend, then what changed until it. */
function* finalCopy(device: Mlx5VfDevice): Task<SetStateResult> {
  const suspended = yield* device.commands.suspend(SUSPEND.RESPONDER);
  if (suspended < 0) return suspended;
  const result = device.saving === undefined ? -ERRNO.ENODEV : yield* finishSave(device.saving);
  return result < 0 ? result : undefined;
}

/** Every arc, and what it does. */
export const MLX5_ARCS: readonly Mlx5Arc[] = [
  { from: RUNNING, to: RUNNING_P2P, does: suspend(SUSPEND.INITIATOR) },
  { from: PRE_COPY, to: PRE_COPY_P2P, does: suspend(SUSPEND.INITIATOR) },
  { from: RUNNING_P2P, to: STOP, does: suspend(SUSPEND.RESPONDER) },
  { from: STOP, to: RUNNING_P2P, does: resume(RESUME.RESPONDER) },
  { from: RUNNING_P2P, to: RUNNING, does: resume(RESUME.INITIATOR) },
  { from: PRE_COPY_P2P, to: PRE_COPY, does: resume(RESUME.INITIATOR) },
  { from: RUNNING, to: PRE_COPY, does: save(true) },
  { from: RUNNING_P2P, to: PRE_COPY_P2P, does: save(true) },
  { from: STOP, to: STOP_COPY, does: save(false) },
  { from: PRE_COPY_P2P, to: STOP_COPY, does: finalCopy },
  { from: PRE_COPY, to: RUNNING, does: leavePreCopy },
  { from: PRE_COPY_P2P, to: RUNNING_P2P, does: leavePreCopy },
  { from: STOP_COPY, to: STOP, does: endSessions },
  { from: STOP, to: RESUMING, does: load },
  { from: RESUMING, to: STOP, does: endSessions },
];

/** Carries out one arc. Others than the table's the state machine never asks for. */
export function takeArc(device: Mlx5VfDevice, from: MigState, to: MigState): SetStateResult | Task<SetStateResult> {
  for (const arc of MLX5_ARCS) if (arc.from === from && arc.to === to) return arc.does(device);
  return -ERRNO.EINVAL;
}
