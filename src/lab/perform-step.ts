/** One step, carried out: by a tenant through the door, or by the host. */
import { ERRNO } from '../uapi/errno.ts';
import { OPERATION_BY_NAME } from './operations/index.ts';
import type { Step } from './scenario.ts';
import type { Tenant } from './tenant.ts';
import { leaveUnderWay } from './under-way.ts';
import type { World } from './world.ts';

/** What it answered: a count, a descriptor, or a negated errno. */
export function perform(world: World, step: Step, index: number): number {
  const recorder = world.seen[step.by];
  recorder.begin(index);
  world.actor = step.by;
  const tenant = step.by === 'B' ? world.b : world.a;
  world.countEnded();
  if (step.by === 'H') {
    const what = step.args.what ?? 0;
    if (isOutage(step)) world.outage(what === LOOKS);
    else recorder.data(world.profile.host(world, what));
    return 0;
  }
  if (tenant.device === undefined && step.op !== 'open' && !CLOSED_TOO.has(step.op))
    return discarded(world, ERRNO.EBADF);
  // A shortened scenario may have lost the close before.
  if (tenant.device !== undefined && step.op === 'open') return discarded(world, ERRNO.EBUSY);
  const operation = OPERATION_BY_NAME.get(step.op)!;
  const spawned = step.spawn === true && tenant.pending === 0 && tenant.device !== undefined;
  if (tenant.pending > 0 && (NEEDS_REST.has(step.op) || (step.op === 'close' && tenant.pendingOnDevice)))
    world.settle();
  // Resets of hardware tell of themselves.
  if (RESETS.has(step.op) && (spawned || tenant.pending > 0)) world.raced = true;
  // What PRECOPY_INFO reported holds until something else happens.
  if (step.op !== 'read') for (const file of tenant.files) file.reported = undefined;
  resync(tenant);
  const call = operation.run(tenant, step.args, world, spawned);
  if (spawned && typeof call !== 'number') {
    leaveUnderWay(world, tenant, step.op, call);
    return 0;
  }
  const result = world.finish(tenant, call);
  recorder.number(result);
  if (world.watched) for (const check of world.checks.ofCalls) check.after(tenant, result);
  return result;
}

/** A step that makes no sense where a varied or shortened scenario has come to; nothing is called. */
function discarded(world: World, errno: number): number {
  world.discarded++;
  return -errno;
}

/** Steps that end sessions. */
const RESETS: ReadonlySet<string> = new Set(['reset', 'hot_reset']);

/** Numbers below this are looks of the host; then comes the parent taking its devices out of service, and back. */
const LOOKS = 4;

/** The host takes the parent out of service, or puts it back. */
export const isOutage = ({ by, args }: Step): boolean => by === 'H' && (args.what ?? 0) >= LOOKS;

/** Steps that make sense without an open device. */
const CLOSED_TOO = new Set([
  'map',
  'unmap',
  'events',
  'read',
  'write',
  'close_file',
  'file_odd',
  'odd_transfer',
  'poll_file',
  'wait',
  'leave_container',
  'close_group',
  'error',
  'buf_close',
  'open_without_token',
  'failing',
  'take_back',
]);
/** Steps whose argument memory or outcome needs earlier calls to have ended. */
const NEEDS_REST = new Set([
  'round_trip',
  'load',
  'open',
  'open_again',
  'leave_container',
  'close_group',
  'leave_traces',
  'opt_in_and_leave',
  'signal_then',
  'vital_data',
  'pci_feature_odd',
  'take_back',
  'dup',
  'hot_reset',
  'hot_reset_odd',
  'failing_open',
  'beside',
  'beside_reset',
  'short_of_memory',
  'log_guest',
  'log_round',
  'meet',
]);

/** After calls that ran beside each other the state is whatever the device says; from there the model goes on. */
function resync(tenant: Tenant): void {
  if (tenant.flags === 0 || tenant.state !== undefined || tenant.pending > 0 || tenant.device === undefined) return;
  const answer = tenant.device.getState();
  tenant.state = answer.result === 0 ? answer.state : undefined;
  for (const file of tenant.files) file.certain = false;
}
