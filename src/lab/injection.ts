/** One failure that is injected into one call of a tenant, as fault injection of a real kernel does it (fail-nth). */
import type { FaultKind } from '../kernel/fault-injection.ts';
import type { Result } from '../kernel/file.ts';
import { type Ledger, ledgerOf } from '../machine/ledger.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** What can be made to fail, by number. */
export const FAILURES: readonly FaultKind[] = ['allocation', 'copy', 'file', 'command'];

export class Injection {
  /** The point was passed in the call: it has failed. */
  hit = false;
  private readonly world: World;
  private readonly tenant: Tenant;
  private readonly kind: FaultKind;
  private readonly point: number;
  private readonly before: Ledger | undefined;

  /** The `point`-th of a kind, from 1, is to fail. Nothing but the call must change the machine until it is judged. */
  constructor(world: World, tenant: Tenant, kind: FaultKind, point: number) {
    this.world = world;
    this.tenant = tenant;
    this.kind = kind;
    this.point = point;
    this.before = world.watched && tenant.pending === 0 ? ledgerOf(world.machine) : undefined;
  }

  /** Makes the call, with the failure in it. */
  into(call: () => number): number {
    this.begin();
    try {
      return call();
    } finally {
      this.end();
    }
  }

  /** Takes the step, with the failure in its first ioctl: not in what the lab asks before and afterwards. */
  intoFirstIoctl(step: () => number): number {
    const { process } = this.tenant;
    const own = process as { ioctlCall?: unknown };
    process.ioctlCall = (fd, command, argument) => {
      delete own.ioctlCall;
      this.begin();
      let call: Result | undefined;
      try {
        call = process.ioctlCall(fd, command, argument);
      } finally {
        if (call === undefined || typeof call === 'number') this.end();
      }
      return typeof call === 'number' ? call : this.following(call);
    };
    try {
      return step();
    } finally {
      delete own.ioctlCall;
    }
  }

  /** A call that failed by it has left what it found, but for entries that `allowed` names. */
  judge(result: number, allowed?: RegExp): void {
    const { before, world } = this;
    // A command that fails beside it is another failure.
    const two = this.kind !== 'command' && world.failed && world.failedCommand !== 0;
    if (before === undefined || !this.hit || result >= 0 || two) return;
    world.checks.resources.failed(this.kind, before, ledgerOf(world.machine), allowed);
  }

  private *following(call: Exclude<Result, number>): Exclude<Result, number> {
    try {
      return yield* call;
    } finally {
      this.end();
    }
  }

  private begin(): void {
    const { world, kind, point } = this;
    const { faults } = world.machine.kernel;
    if (kind === 'command') world.failCommand(0, point, world.profile.failures?.statuses[0] ?? 1);
    else faults.arm(kind, point);
    // An answer that cannot be copied out comes when the call has done its work; what that leaves is no failure's.
    const { process } = this.tenant;
    process.copyToUser = (address, bytes) => process.memory.write(address, bytes);
  }

  private end(): void {
    const { faults } = this.world.machine.kernel;
    this.hit = !faults.armed(this.kind);
    faults[this.kind].disarm();
    if (this.hit && this.kind !== 'command') this.world.callFails();
    delete (this.tenant.process as { copyToUser?: unknown }).copyToUser;
  }
}
