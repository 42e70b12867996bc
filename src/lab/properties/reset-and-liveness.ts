/** Reset and liveness: every call returns, nothing crashes, and a reset makes the device new. */
import { HangError } from '../../../sim/hang.ts';
import { kernelCrash } from '../kernel-crash.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESET_AND_LIVENESS: Property = {
  name: 'reset and liveness',
  promise:
    'Every call returns; no order of calls crashes the kernel, or takes its locks in two orders; after a reset the device works as a new one.',
  observes:
    'Loops over their budget, calls that nothing can wake any more, pointers followed that were never set, the order in which locks are taken, devices after each kind of reset.',
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
      this.world.violate(NAME, `the call never returns: ${error.message}`);
      return 'hangs';
    }
    const crash = kernelCrash(error);
    if (crash === undefined) return undefined;
    this.world.violate(NAME, `the kernel crashes: ${crash}`);
    return 'crashes';
  }

  /** A call was interrupted, because nothing could have ended it. */
  neverReturns(): void {
    this.world.violate(NAME, 'the call never returns');
  }

  /** The run is over and a call of the tenant is still under way. */
  stillUnderWay(tenant: Tenant): void {
    this.world.violate(NAME, `a call of tenant ${tenant.name} never returns`);
  }
}
