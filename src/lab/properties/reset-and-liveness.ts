/** Reset and liveness: every call returns, nothing crashes, and a reset makes the device new. */

import type { ResetEvent } from '../../../sim/fabric.ts';
import { HangError } from '../../../sim/hang.ts';
import { POLL } from '../../kernel/file.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { kernelCrash } from '../kernel-crash.ts';
import { coreOf } from '../pci/core-of.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const RESET_AND_LIVENESS: Property = {
  name: 'reset and liveness',
  promise:
    'Every call returns; no order of calls crashes the kernel, or takes its locks in two orders; after a reset the device works as a new one.',
  observes:
    'The header and the interrupts of a PCI function before and after each way to reset it, and who can reach its memory meanwhile; loops over their budget, calls that nothing can wake any more, pointers followed that were never set, accesses outside of buffers, what poll says of a file before it is read, the order in which locks are taken, the state of devices after each kind of reset and when they are opened, work that was posted to a device that runs.',
  allows: ['a blocking read that sleeps while its session can still produce data'],
};

const NAME = RESET_AND_LIVENESS.name;
const HEADER = 0x40;
/** STATUS: an interrupt that was pending is not any more. */
const STATUS: ReadonlySet<number> = new Set([0x06, 0x07]);

export class ResetAndLiveness implements Check {
  readonly property = RESET_AND_LIVENESS;
  private readonly world: World;
  /** Calls of each tenant that never returned, as far as they are known. */
  private readonly hangs = { A: 0, B: 0 };
  /** A function when its reset was asked for. */
  private readonly before = { header: new Uint8Array(HEADER), awake: false, type: 0, disabled: false, known: false };

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    this.world.machine.hardware.fabric.events.on('reset', (event) => this.onReset(event));
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

  /** The device says whether its user can reset it. */
  promised(tenant: Tenant, told: boolean): void {
    const { profile, machine } = this.world;
    if (profile.pci !== undefined && told !== profile.pci.resets(tenant, machine.hardware.topology))
      this.world.violate(NAME, `a device ${told ? 'promises' : 'denies'} that it can be reset`);
  }

  /** A bit that resets was written: to a function that has none like it, and it was reset; or to one that has, and was not. */
  resetBit(reset: boolean): void {
    this.world.violate(NAME, reset ? 'a bit that the function does not have resets it' : 'a bit that resets does not');
  }

  /** A reset was answered with success. */
  notReset(): void {
    this.world.violate(NAME, 'a reset that succeeds resets nothing');
  }

  /** GET_PCI_HOT_RESET_INFO names a device. */
  hotResetNames(what: string): void {
    this.world.violate(NAME, `the scope of a hot reset tells ${what}`);
  }

  /** A hot reset was asked for in a way that the uAPI rules out, and done. */
  hotResetTaken(what: string): void {
    this.world.violate(NAME, `a hot reset with ${what} is done`);
  }

  /** GET_PCI_HOT_RESET_INFO answered, and something else is due. */
  hotResetInfo(result: number, expected: number): void {
    this.world.violate(NAME, `the scope of a hot reset is answered with ${result}, not ${expected}`);
  }

  /** The tenant is about to reset its function, … */
  resetting(tenant: Tenant): void {
    const { fn } = tenant;
    if (this.world.profile.pci === undefined) return;
    const core = coreOf(this.world.machine, tenant.bdf);
    this.before.header.set(fn!.config.bytes.subarray(0, HEADER));
    this.before.awake = fn!.powerState === 0 && !tenant.pci.lowPower && tenant.pending === 0;
    this.before.type = core?.irqs.type ?? 0;
    this.before.disabled = core?.irqs.virqDisabled ?? false;
    this.before.known = true;
  }

  /** … and it was reset: the host's part of it is as before, whatever way was taken. */
  wasReset(tenant: Tenant): void {
    const { before, world } = this;
    const { fn } = tenant;
    const known = before.known;
    before.known = false;
    if (fn === undefined || world.profile.pci === undefined || tenant.pending > 0) return;
    const core = coreOf(world.machine, tenant.bdf);
    if (core?.memoryLock.locked || core?.pdev.lock.locked || core?.pdev.resetting)
      world.violate(NAME, 'a reset leaves a lock behind');
    if (!known || !before.awake) return;
    if (fn.powerState !== 0) world.violate(NAME, 'a function that was reset sleeps');
    for (let at = 0; at < HEADER; at++)
      if (before.header[at] !== fn.config.bytes[at] && !STATUS.has(at))
        return world.violate(NAME, `byte ${at.toString(16)} of the header is not restored after a reset`);
    if (core?.irqs.type !== before.type || core.irqs.virqDisabled !== before.disabled)
      world.violate(NAME, 'a reset changes how interrupts are set up');
  }

  after({ name, process }: Tenant): void {
    this.before.known = false;
    if (process.hangs > this.hangs[name]) this.neverReturns();
    this.hangs[name] = process.hangs;
  }

  /** While a function is reset nobody reaches its memory; and a tenant's calls reset no function but its own. */
  private onReset({ target, kind }: ResetEvent): void {
    const { world } = this;
    const { profile, actor, machine } = world;
    const tenant = world.tenants.find(({ fn }) => fn === target);
    // Waking a function up by its power register is a reset too; its memory went when it fell asleep.
    if (profile.pci === undefined || tenant === undefined || kind === 'pm') return;
    // Resetting a PF takes its VFs along: that is what the token between their users is about.
    if (world.tenants.some(({ fn }) => fn !== undefined && fn === target.physical)) {
      tenant.pci.lost = tenant.pci.irqs.unsure = true;
      return;
    }
    // What nobody has open may be reset together with what is being closed.
    const own = tenant.name === actor || actor === 'H' || tenant.device === undefined;
    if (!own) world.violate(NAME, `a call of tenant ${actor} resets ${target.name}`);
    const core = coreOf(machine, tenant.bdf);
    if (core !== undefined && core.mappings.size > 0)
      world.violate(NAME, `memory of ${target.name} is mapped while it is reset`);
  }

  /** A save file was polled, and then read without waiting; nothing came between. */
  polled(bits: number, read: number): void {
    const says = (bits & POLL.IN) !== 0;
    // An end that is told by an errno is no news in pre-copy.
    const nothing = read === -ERRNO.EAGAIN || read === -ERRNO.ENOMSG || read === -ERRNO.EFAULT;
    if (!says && !nothing) this.world.violate(NAME, `who polls waits for ever: a read answers ${read}`);
    if (says && read === -ERRNO.EAGAIN) this.world.violate(NAME, 'a file polls as readable, and is not');
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
