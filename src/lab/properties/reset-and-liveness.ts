/** Reset and liveness: every call returns, nothing crashes, and a reset makes the device new. */
import { HangError } from '../../../sim/hang.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { kernelCrash } from '../kernel-crash.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESET_AND_LIVENESS: Property = {
  name: 'reset and liveness',
  promise:
    'Every call returns; no order of calls crashes the kernel, or takes its locks in two orders; after a reset the device works as a new one.',
  observes:
    'Loops over their budget, calls that nothing can wake any more, pointers followed that were never set, accesses outside of buffers, the order in which locks are taken, the state of devices after each kind of reset and when they are opened, work that was posted to a device that runs.',
  allows: ['a blocking read that sleeps while its session can still produce data'],
};

const NAME = RESET_AND_LIVENESS.name;

export class ResetAndLiveness implements Check {
  readonly property = RESET_AND_LIVENESS;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    this.world.machine.kernel.scheduler.locks.onCycle = (classes) =>
      this.world.violate(NAME, `locks are taken in two orders: ${classes.join(' -> ')}`);
  }

  /** Whether an error that a call threw is a verdict: it hangs or crashes the kernel. Others are faults of the emulator. */
  threw(error: unknown): 'hangs' | 'crashes' | undefined {
    if (error instanceof HangError) {
      this.neverReturns(`: ${error.message}`);
      return 'hangs';
    }
    const crash = kernelCrash(error);
    if (crash === undefined) return undefined;
    this.world.checks.streams.crashed(crash);
    this.world.violate(NAME, `the kernel crashes: ${crash}`);
    return 'crashes';
  }

  /** A reset ended: RUNNING (uAPI: VFIO_DEVICE_RESET). */
  afterReset({ device }: Tenant): void {
    const { result, state } = device!.getState();
    if (result !== 0 || state !== MIG_STATE.RUNNING)
      this.world.violate(NAME, `after a reset the device is in ${STATE_NAMES[state] ?? state}`);
  }

  /** A device was opened that nobody had open: RUNNING, unless its driver declares that it stays where it was. */
  opened({ device, state: known }: Tenant): void {
    const { result, state } = device!.getState();
    if (known !== undefined && (result !== 0 || state !== known))
      this.world.violate(NAME, `a device that was closed is opened in ${STATE_NAMES[state] ?? state}`);
  }

  /** All is at rest: what was posted to a device that runs must have been done. */
  idle(tenant: Tenant): void {
    const { world } = this;
    if (tenant.state !== MIG_STATE.RUNNING || tenant.pending > 0 || !world.sound) return;
    const left = world.profile.unfinished?.(tenant);
    if (left !== undefined) world.violate(NAME, `the device runs, and ${left}`);
  }

  /** A call was interrupted, because nothing could have ended it. */
  neverReturns(why = ''): void {
    this.world.checks.fsm.neverAnswered();
    this.world.violate(NAME, `the call never returns${why}`);
  }

  /** The run is over and a call of the tenant is still under way. */
  stillUnderWay(tenant: Tenant): void {
    this.world.violate(NAME, `a call of tenant ${tenant.name} never returns`);
  }
}
