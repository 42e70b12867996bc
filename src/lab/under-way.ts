/** Calls that are left under way while others are made. */
import type { Task } from '../../sim/scheduler.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** Leaves a call of the tenant to the scheduler; what it answers is seen when it has ended. */
export function leaveUnderWay(world: World, tenant: Tenant, operation: string, call: Task<number>): void {
  tenant.pending++;
  tenant.pendingOnDevice = !ON_FILES.has(operation);
  world.machine.kernel.scheduler.spawn(`${operation} of ${tenant.name}`, underWay(world, tenant, call));
}

/** Steps that are calls on a data file, and not on the device: it can be closed beside them. */
const ON_FILES = new Set(['read', 'write', 'precopy_info']);

function* underWay(world: World, tenant: Tenant, call: Task<number>): Task<number> {
  const result = yield* call;
  tenant.ended++;
  world.seen[tenant.name].number(result);
  return result;
}
