/** One run of a scenario: a fresh machine, two tenants and an administrator, and what each of them observes. */
import { PagePool } from '../../sim/memory.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import type { Task } from '../../sim/scheduler.ts';
import { DeviceClient } from '../client/device.ts';
import { ALL_CAPABILITIES } from '../kernel/kernel.ts';
import type { Process } from '../kernel/process.ts';
import { Machine } from '../machine/machine.ts';
import { ERRNO, errnoName } from '../uapi/errno.ts';
import { MIG_STATE, PCI_IRQ } from '../uapi/vfio.ts';
import type { DeclaredVariant } from '../variant/variant.ts';
import { Bench } from './bench/bench.ts';
import { NeverUsable } from './never-usable.ts';
import type { DeviceProfile, Inside } from './profiles/profile.ts';
import { Checks } from './properties/index.ts';
import { Recorder } from './recorder.ts';
import type { Actor, Violation } from './scenario.ts';
import type { Setting } from './setting.ts';
import type { Subject } from './subject.ts';
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
const DMA_ENTRY_LIMIT = 3;
/** No step: those of a case begin at 0, and its end is -1. */
const NEVER = -2;
/** Violations that are kept: the first is what counts. */
const MOST_VIOLATIONS = 16;
/** Pages go from machine to machine; each is filled before it is used again. */
const PAGES = new PagePool();

/** One run. Construction boots the machine, has two devices assigned, and opens both. */
export class World {
  readonly subject: Subject;
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
  readonly setting: Setting;
  readonly machine: Machine;
  readonly host: Process;
  readonly a: Tenant;
  readonly b: Tenant;
  readonly tenants: readonly Tenant[];
  readonly inside: Inside;
  readonly checks: Checks;
  /** Checks listen, and look into the kernel. */
  readonly watched: boolean;
  readonly violations: Violation[] = [];
  /** Mappings a tenant may have. */
  readonly limit: number;
  /** What each of them has observed so far. */
  seen = nothingSeen();
  /** Arcs taken, as from * 8 + to. */
  readonly arcs: number[] = [];
  /** A call of tenant A met a reset of its device or an outage of the parent: either may have confused the device. */
  raced = false;
  /** It was an outage. */
  outageMet = false;
  /** The step under way. */
  step = -1;
  /** Steps that were not carried out. */
  discarded = 0;
  /** System calls that the steps so far have made; a step that makes none counts as one. */
  spent = 0;
  private readonly variation: Variation;
  private readonly spares = new Map<Tenant, DeviceClient>();
  private readonly resets = new Map<PciFunction, number>();
  /** Whose step is under way. */
  actor: Actor = 'H';
  /** The step in which a command was made to fail last, and its opcode. */
  failedAt = NEVER;
  failedCommand = 0;
  /** The step in which it was something else. */
  private starvedAt = NEVER;
  /** The firmware was left with something that only it could have given back: what the parent holds says nothing any more. */
  excused = false;
  /** A stream is going in. */
  feeding = false;
  /** The parent does not serve its devices. */
  outOfService = false;
  /** The kernel crashed: nothing can be called any more. */
  crashed = false;

  /** In a world that is not `watched` only the tenants and the host see what happens: enough for a twin, and faster. */
  constructor(subject: Subject, setting: Setting, variation: Variation, watched = true) {
    const profile = subject.profile(setting);
    this.subject = subject;
    this.variant = subject.variant;
    this.profile = profile;
    this.setting = setting;
    this.variation = variation;
    this.watched = watched;
    this.limit = profile.way === 'type1' || profile.way === 'type1v2' ? DMA_ENTRY_LIMIT : Number.POSITIVE_INFINITY;
    const { noiommu = false, ...load } = profile.load();
    this.machine = new Machine(profile.machine, {
      ...load,
      fill: variation.fill,
      pool: PAGES,
      parameters: { dmaEntryLimit: profile.bench?.entryLimit ?? DMA_ENTRY_LIMIT, noiommu },
    });
    this.host = this.machine.process('host');
    const { a, b, inside } = profile.assign(this.machine, this.host);
    this.inside = inside;
    this.a = new Tenant('A', this.user('tenant A'), a, profile.way);
    this.b = new Tenant('B', this.user('tenant B'), b, profile.way);
    this.tenants = [this.a, this.b];
    if (profile.bench !== undefined)
      for (const tenant of this.tenants)
        tenant.bench = new Bench(tenant, this.machine, profile.way, profile.bench.entryLimit);
    this.checks = new Checks(this);
    const { events } = this.machine.hardware.fabric;
    events.on('reset', ({ target }) => {
      this.resets.set(target, this.resetsOf(target) + 1);
      if (this.tenants.some(({ fn, pending }) => fn === target && pending > 0)) this.raced = true;
    });
    for (const tenant of this.tenants) {
      const opened = tenant.openDevice();
      if (opened < 0) throw new NeverUsable(`tenant ${tenant.name} cannot open its device: ${errnoName(opened)}`);
      this.checks.residue.opened(tenant);
      tenant.flags = Math.max(0, tenant.device!.migrationFlags());
      tenant.asNew = inside.digest(tenant).slice();
      profile.prepare(tenant, this);
    }
    if (watched) for (const check of this.checks.all) check.watch?.();
  }

  /** A process of somebody else than all others. */
  private user(name: string): Process {
    return this.machine.kernel.process(name, this.profile.bench?.capabilities ?? ALL_CAPABILITIES, { lockedPages: 0 });
  }

  /** Adds to what a tenant has observed in this step. */
  observe(tenant: Tenant, value: number | Uint8Array): void {
    const recorder = this.seen[tenant.name];
    if (typeof value === 'number') recorder.number(value);
    else recorder.data(value);
  }

  /** Reports a broken promise, once for each message. */
  violate(property: string, message: string): void {
    const { violations, step } = this;
    if (violations.length >= MOST_VIOLATIONS) return;
    if (!violations.some((v) => v.property === property && v.message === message))
      violations.push({ property, message, at: step });
  }

  /** Takes an error for a verdict if it is one: the kernel crashed, or goes round for ever. */
  crash(error: unknown): void {
    if (this.checks.liveness.threw(error) === undefined) throw error;
    this.crashed = true;
  }

  arc(from: number, to: number): void {
    const arc = from * 8 + to;
    if (!this.arcs.includes(arc)) this.arcs.push(arc);
  }

  /** What a tenant writes: B's bytes depend on its secret. */
  content(tenant: Tenant, value: number): number {
    return tenant.name === 'B' ? (value ^ this.variation.secret) >>> 0 : value;
  }

  /** How often a function has been reset. */
  resetsOf(fn: PciFunction): number {
    return this.resets.get(fn) ?? 0;
  }

  /** Fault injection: from now on the `nth` command of tenant A comes back with that status; any one, or those of an opcode. */
  failCommand(command: number, nth: number, status: number): void {
    let left = nth;
    const counts = (opcode: number): boolean => {
      if (this.actor !== 'A' || (command !== 0 && command !== opcode) || --left > 0) return false;
      this.commandFails(opcode);
      return true;
    };
    this.machine.kernel.faults.arm('command', 1, { status, counts });
  }

  /** An allocation, a copy or a descriptor was made to fail in this step. */
  callFails(): void {
    if (!this.failed) this.failedCommand = 0;
    this.failedAt = this.step;
    this.starvedAt = this.step;
  }

  private commandFails(opcode: number): void {
    this.failedAt = this.step;
    this.failedCommand = opcode;
    // What was not given back stays, and what was not ended goes on: both are with the firmware, and no fault of the driver.
    if (this.profile.failures!.releases.has(opcode) || this.inside.sessions(this.a) > 0) this.excused = true;
  }

  /** A failure was injected at some time. */
  get hasFailed(): boolean {
    return this.failedAt !== NEVER;
  }

  /** One was injected in this very step. */
  get failed(): boolean {
    return this.failedAt === this.step;
  }

  /** Something other than a command was: a call may have ended before it looked at what it was asked for. */
  get starved(): boolean {
    return this.starvedAt === this.step;
  }

  /** Nothing has disturbed the device or its parent that would excuse what a driver answers now. */
  get sound(): boolean {
    return !this.failed && !this.excused && !this.raced;
  }

  /** The same, and nothing ever was made to fail; the parent may have been away, and is there. */
  get undisturbed(): boolean {
    return !this.failed && !this.hasFailed && !this.raced && !this.outOfService;
  }

  /** System calls of the tenants since the machine was booted. */
  get calls(): number {
    return this.a.process.calls + this.b.process.calls;
  }

  /** Lets devices and background work come to rest. */
  settle(): void {
    this.machine.kernel.scheduler.settle();
    this.countEnded();
  }

  /** Calls that have ended are not under way any more. */
  countEnded(): void {
    for (const tenant of this.tenants) {
      tenant.pending -= tenant.ended;
      tenant.ended = 0;
    }
  }

  /** A second view of the device whose arguments live elsewhere, for calls that stay under way. */
  spareDevice(tenant: Tenant): DeviceClient {
    let spare = this.spares.get(tenant);
    if (spare === undefined || spare.fd !== tenant.device!.fd)
      this.spares.set(tenant, (spare = new DeviceClient(tenant.process, tenant.device!.fd, tenant.spare)));
    return spare;
  }

  /** A reset ended: RUNNING, no session, and the device is as new (uAPI: VFIO_DEVICE_RESET); made ready unless told not to. */
  afterReset(tenant: Tenant, prepare = true): void {
    tenant.endSessions();
    tenant.orphaned = false;
    this.checks.liveness.wasReset(tenant);
    if (tenant.pending > 0) {
      tenant.state = undefined;
      // A line that came or was unmasked meanwhile: what was saved across the reset may say otherwise.
      if (tenant.pci.irqs.type === PCI_IRQ.INTX) tenant.pci.irqs.unsure = true;
      return;
    }
    if (this.profile.kind === 'function') tenant.tainted = false;
    if (tenant.flags !== 0) this.checks.liveness.afterReset(tenant);
    this.checks.residue.afterReset(tenant);
    tenant.state = MIG_STATE.RUNNING;
    this.checks.descriptors.ended(tenant);
    this.checks.parent.withoutSession(tenant, 'RUNNING, after a reset,');
    // What the kernel restores is what vfio-pci's user goes on with.
    if (prepare && this.profile.pci === undefined) this.profile.prepare(tenant, this);
  }

  /** The device has another descriptor now. */
  dropSpare(tenant: Tenant): void {
    this.spares.delete(tenant);
  }

  /** Closes the device's descriptor: the last one, so that its sessions end. */
  closeDevice(tenant: Tenant): number {
    const result = tenant.device!.close();
    tenant.device = undefined;
    tenant.optedIn = false;
    tenant.tainted = false;
    if (this.profile.keepsState) tenant.orphaned = true;
    else tenant.state = MIG_STATE.RUNNING;
    tenant.endSessions();
    tenant.armed.fill(-1);
    tenant.logging = undefined;
    tenant.guestLog.running = false;
    tenant.loggingUnknown = false;
    this.spares.delete(tenant);
    this.checks.descriptors.ended(tenant);
    this.checks.parent.withoutSession(tenant, 'a closed device');
    return result;
  }

  /** The parent takes its devices out of service, and all sessions end; or it serves them again. */
  outage(begins: boolean): void {
    const { profile } = this;
    if (profile.outage === undefined || begins === this.outOfService) return;
    // What lets go of its lock between ending the sessions and refusing new ones (mlx5 cmd.c: mlx5fv_vf_event).
    if (this.a.pending > 0) this.raced = this.outageMet = true;
    profile.outage(this, begins);
    this.outOfService = begins;
    // A parent that comes back has forgotten what it tracked; this one had nobody tell it.
    this.excused = true;
    for (const tenant of this.tenants) {
      tenant.endSessions();
      tenant.logging = undefined;
      tenant.guestLog.running = false;
    }
  }

  /** Opens it again: a device that is as new, but for what its driver declares to keep. */
  openDevice(tenant: Tenant): number {
    const opened = tenant.openDevice();
    if (opened >= 0 && tenant.flags !== 0 && tenant.pending === 0) this.checks.liveness.opened(tenant);
    return opened;
  }

  /** Runs a call that may sleep; one that can never end is a violation, and is interrupted. */
  finish(tenant: Tenant, call: number | Task<number>): number {
    const hangs = tenant.process.hangs;
    try {
      const result = tenant.process.finish(call);
      if (tenant.process.hangs > hangs) this.checks.liveness.neverReturns();
      return result;
    } catch (error) {
      if (this.checks.liveness.threw(error) !== 'hangs') throw error;
      // It holds its locks for ever: nothing that comes after says anything.
      this.crashed = true;
      return -ERRNO.EINTR;
    }
  }
}
