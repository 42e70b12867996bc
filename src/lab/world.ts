/** One run of a scenario: a fresh machine, two tenants and an administrator, and what each of them observes. */
import { HangError } from '../../sim/hang.ts';
import { PagePool } from '../../sim/memory.ts';
import { Oops } from '../../sim/oops.ts';
import type { Task } from '../../sim/scheduler.ts';
import { DeviceClient } from '../client/device.ts';
import type { Process } from '../kernel/process.ts';
import { Machine } from '../machine/machine.ts';
import { IRQ_SET, MIG_STATE } from '../uapi/vfio.ts';
import type { DeclaredVariant } from '../variant/variant.ts';
import { Leftovers } from './leftovers.ts';
import { Monitor } from './monitor.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import { Recorder } from './recorder.ts';
import { STATE_NAMES } from './reference/arcs.ts';
import type { Actor, Violation } from './scenario.ts';
import { Tenant } from './tenant.ts';

/** What differs between the two runs of a pair, apart from the steps. */
export interface Variation {
  /** Tenant B's secret: mixed into everything B writes. */
  readonly secret: number;
  /** What uncleared kernel memory holds. */
  readonly fill: number;
}

/** What each observer of a run saw. */
export type Seen = Readonly<Record<Actor, Recorder>>;
export const nothingSeen = (): Seen => ({ A: new Recorder(), B: new Recorder(), H: new Recorder() });

/** Mappings a tenant may have: small, so that the limit is met. */
export const DMA_ENTRY_LIMIT = 3;
/** Pages go from machine to machine; each is filled before it is used again. */
const PAGES = new PagePool();

/** One run. Construction boots the machine, has two devices assigned, and opens both. */
export class World {
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
  readonly machine: Machine;
  readonly host: Process;
  readonly a: Tenant;
  readonly b: Tenant;
  readonly tenants: readonly Tenant[];
  readonly monitor: Monitor;
  readonly violations: Violation[] = [];
  /** What each of them has observed so far. */
  seen = nothingSeen();
  /** Arcs taken, as from * 8 + to. */
  readonly arcs = new Set<number>();
  /** The tenant whose own call may signal its eventfds. */
  cause: Tenant | undefined;
  /** Tenant A made calls beside each other: it may have confused its own device. */
  raced = false;
  /** The step under way. */
  step = -1;
  private readonly variation: Variation;
  private readonly spares = new Map<Tenant, DeviceClient>();
  readonly leftovers: Leftovers;
  /** Whose step is under way. */
  actor: Actor = 'H';
  /** Status with which the next save of tenant A fails; undefined: none. */
  failure: number | undefined;
  /** The kernel crashed: nothing can be called any more. */
  crashed = false;
  /** A failure has been injected: what the user's stream says is no longer the whole truth. */
  failed = false;

  /** In a world that is not `watched` only the tenants and the host see what happens: enough for a twin, and faster. */
  constructor(variant: DeclaredVariant, profile: DeviceProfile, variation: Variation, watched = true) {
    this.variant = variant;
    this.profile = profile;
    this.variation = variation;
    this.machine = new Machine(profile.machine, {
      ...profile.load((opcode) => this.failNow(opcode)),
      fill: variation.fill,
      pool: PAGES,
      parameters: { dmaEntryLimit: DMA_ENTRY_LIMIT },
    });
    this.host = this.machine.process('host');
    const { a, b, inside } = profile.assign(this.machine, this.host);
    this.a = new Tenant('A', this.machine.process('tenant A'), a);
    this.b = new Tenant('B', this.machine.process('tenant B'), b);
    this.tenants = [this.a, this.b];
    this.monitor = new Monitor(this, inside, watched);
    for (const tenant of this.tenants) {
      const opened = tenant.openDevice();
      if (opened < 0) throw new Error(`tenant ${tenant.name} cannot open its device: ${opened}`);
      tenant.flags = tenant.device!.migrationFlags();
      profile.prepare(tenant, this);
    }
    this.leftovers = new Leftovers(this);
    this.machine.kernel.scheduler.locks.onCycle = (classes) =>
      this.violate('reset and liveness', `locks are taken in two orders: ${classes.join(' -> ')}`);
  }

  /** Adds to what a tenant has observed in this step. */
  observe(tenant: Tenant, value: number | Uint8Array): void {
    const recorder = this.seen[tenant.name];
    if (typeof value === 'number') recorder.number(value);
    else recorder.data(value);
  }

  /** Reports a broken promise, once for each message. */
  violate(property: string, message: string, at = this.step): void {
    if (this.violations.length < 16 && !this.violations.some((v) => v.property === property && v.message === message))
      this.violations.push({ property, message, at });
  }

  /** Takes an error for a verdict if it is one: the kernel crashed. */
  crash(error: unknown): void {
    if (!(error instanceof Oops)) throw error;
    this.violate('reset and liveness', `the kernel crashes: ${error.message}`);
    this.crashed = true;
  }

  arc(from: number, to: number): void {
    this.arcs.add(from * 8 + to);
  }

  /** What a tenant writes: B's bytes depend on its secret. */
  content(tenant: Tenant, value: number): number {
    return tenant.name === 'B' ? (value ^ this.variation.secret) >>> 0 : value;
  }

  /** Fault injection: the firmware fails one command of tenant A. */
  private failNow(opcode: number): number | undefined {
    if (this.failure === undefined || this.actor !== 'A' || !this.profile.failures?.commands.has(opcode))
      return undefined;
    // Only a first save: one that fails later leaves the firmware tracking, which is no fault of the driver.
    if (this.monitor.inside.sessions(this.a) > 0) return undefined;
    const status = this.failure;
    this.failure = undefined;
    this.failed = true;
    return status;
  }

  /** Lets devices and background work come to rest. */
  settle(): void {
    this.machine.kernel.scheduler.settle();
  }

  /** A second view of the device whose arguments live elsewhere, for calls that stay under way. */
  spareDevice(tenant: Tenant): DeviceClient {
    let spare = this.spares.get(tenant);
    if (spare === undefined || spare.fd !== tenant.device!.fd)
      this.spares.set(tenant, (spare = new DeviceClient(tenant.process, tenant.device!.fd, tenant.spare)));
    return spare;
  }

  dropSpare(tenant: Tenant): void {
    this.spares.delete(tenant);
  }

  /** A reset ended: RUNNING, no session, and the device is as new (uAPI: VFIO_DEVICE_RESET). */
  afterReset(tenant: Tenant, step: number): void {
    tenant.endSessions();
    tenant.orphaned = false;
    if (tenant.pending > 0) {
      tenant.state = undefined;
      return;
    }
    const now = tenant.device!.getState();
    if (now.result !== 0 || now.state !== MIG_STATE.RUNNING)
      this.violate('FSM legality', `after a reset the device is in ${STATE_NAMES[now.state] ?? now.state}`, step);
    tenant.state = MIG_STATE.RUNNING;
    this.profile.prepare(tenant, this);
  }

  /** SET_IRQS took eventfds away, or signalled by hand: the model follows. */
  forgetVectors(tenant: Tenant, start: number, count: number, flags: number): void {
    if (flags & IRQ_SET.DATA_NONE && count === 0) tenant.armed.fill(-1);
    else if (flags & IRQ_SET.DATA_EVENTFD) for (let i = start; i < start + count; i++) tenant.armed[i] = -1;
  }

  /** Runs a call that may sleep; one that can never end is a violation, and is interrupted. */
  finish(tenant: Tenant, call: number | Task<number>): number {
    const hangs = tenant.process.hangs;
    try {
      const result = tenant.process.finish(call);
      if (tenant.process.hangs > hangs) this.violate('FSM legality', 'the call never returns');
      return result;
    } catch (error) {
      if (!(error instanceof HangError)) throw error;
      this.violate('FSM legality', `the call never returns: ${error.message}`);
      return -4;
    }
  }
}
