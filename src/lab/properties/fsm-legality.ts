/** FSM legality: every state request takes the path of the uAPI or fails on it. */
import { errnoName } from '../../uapi/errno.ts';
import { MIG_STATE } from '../../uapi/vfio.ts';
import { endsSession, opensSession, referencePath, STATE_NAMES } from '../reference/arcs.ts';
import { type DataFile, newDataFile, type Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { FD_LIFETIME } from './fd-lifetime.ts';
import type { Check, Property } from './property.ts';

export const FSM_LEGALITY: Property = {
  name: 'FSM legality',
  promise:
    'Every state request takes the path of the uAPI or fails on it; PRECOPY_INFO promises what can be read; data files come with the arcs that open them and serve as long as their session.',
  observes:
    'The answer, the state and the data file after each request, held against tables of next states written down a second time; each answer of a data file in a known state; what a request of any other shape (flags, sizes, probes) answers, writes and leaves.',
  allows: [
    'a request that fails on its way, in any state of that way',
    'any state of a device whose calls ran beside each other, until it is asked',
    'a state kept over a close, by a device that declares it',
  ],
  needs: ['migration'],
};

const NAME = FSM_LEGALITY.name;
/** Bytes by which the size of a stream may be wrong whatever it is: heads of records. */
const SLACK = 256;
/** What the lab has in the flags of PRECOPY_INFO when it calls: who did not opt in to them gets his own back. */
export const FLAGS_SENT = 0x5a00_0000;
/** States in which no saving session runs. */
const SESSIONLESS = new Set<number>([MIG_STATE.RUNNING, MIG_STATE.RUNNING_P2P, MIG_STATE.STOP]);

export class FsmLegality implements Check {
  readonly property = FSM_LEGALITY;
  private readonly world: World;
  /** The state request that is being made. */
  asked: { readonly tenant: Tenant; readonly from: number; readonly target: number } | undefined;

  constructor(world: World) {
    this.world = world;
  }

  /** A log was asked for that was never begun: the answer is an errno. */
  reportBeforeStart(): void {
    this.world.violate(NAME, 'a dirty log that was not started is read');
  }

  /** Follows a completed or failed request in the tenant's model and holds it against the reference. */
  requested(tenant: Tenant, from: number | undefined, target: number, result: number, dataFd: number): void {
    this.asked = undefined;
    if (from === undefined) return;
    const { world } = this;
    const path = referencePath(tenant.flags, from, target);
    const now = tenant.device!.getState();
    const say = (text: string): void =>
      world.violate(NAME, `${STATE_NAMES[from]} to ${STATE_NAMES[target] ?? target}: ${text}`);
    if (now.result !== 0) return say(`the state cannot be read (${errnoName(now.result)})`);
    const { state } = now;
    if (typeof path === 'number') {
      if (result !== path && !world.starved)
        say(`answers ${result < 0 ? errnoName(result) : result}, must be ${errnoName(path)}`);
      if (state !== from) say(`a refused request leaves ${STATE_NAMES[state]}`);
      return;
    }
    const visited = [from, ...path];
    const reached = visited.lastIndexOf(state);
    if (reached < 0) say(`leaves ${STATE_NAMES[state] ?? state}, which is not on the way`);
    if (result === 0 && state !== target) say(`succeeds in ${STATE_NAMES[state]}`);
    for (let i = 1; i <= reached; i++) {
      const [a, b] = [visited[i - 1]!, visited[i]!];
      world.arc(a, b);
      if (endsSession(a, b)) tenant.endSessions();
    }
    const opens = path.length > 0 && opensSession(visited.at(-2)!, target);
    // Without its session a kept state may begin one on an arc that is to go on with it.
    if (result === 0 && dataFd >= 0 !== opens && !tenant.orphaned)
      say(opens ? 'hands out no data file' : 'hands out a data file');
    // Without a number for the file the answer is not written (vfio_main.c: vfio_ioct_mig_return_fd).
    if (result !== 0 && dataFd !== -1 && !world.starved) say(`fails with data_fd ${dataFd}`);
    if (result === 0 && dataFd >= 0) {
      const direction = target === MIG_STATE.RESUMING ? 'resume' : 'save';
      tenant.files.push(newDataFile(dataFd, direction, tenant.process.file(dataFd)?.file));
    }
    tenant.state = state;
    tenant.strayed = false;
    world.checks.descriptors.ended(tenant);
    this.reachable(from, target, result);
    if (result < 0 && this.mustSucceed(tenant, visited, reached)) this.refusedForNothing(from, target, result);
    if (dataFd >= 0 || SESSIONLESS.has(state)) tenant.orphaned = false;
    if (SESSIONLESS.has(state)) world.checks.parent.withoutSession(tenant, STATE_NAMES[state]!);
  }

  /** Nothing was made to fail, nothing runs beside, and the parent serves the device: a legal request has no reason to fail. */
  private mustSucceed(tenant: Tenant, visited: readonly number[], reached: number): boolean {
    const { world } = this;
    if (!world.sound || tenant.pending > 0 || tenant.orphaned) return false;
    // A save that was made to fail has broken its session, until that is left for good.
    if (world.hasFailed && !visited.slice(0, reached + 1).every((state) => SESSIONLESS.has(state))) return false;
    // What was written may be why RESUMING cannot be left.
    return !(world.profile.loadsAtEnd && visited[reached] === MIG_STATE.RESUMING);
  }

  /** A device whose parent can be taken away, and is there, cannot be out of reach. */
  private reachable(from: number, target: number, result: number): void {
    const { world } = this;
    const { outage, unreachable } = world.profile;
    if (outage === undefined || world.outOfService || world.raced || !unreachable?.has(-result)) return;
    const [a, b] = [STATE_NAMES[from], STATE_NAMES[target]];
    world.violate(NAME, `${a} to ${b} is refused with ${errnoName(result)}, and the parent serves the device`);
  }

  private refusedForNothing(from: number, target: number, result: number): void {
    const { world } = this;
    if (world.profile.unreachable?.has(-result)) return;
    const [a, b] = [STATE_NAMES[from], STATE_NAMES[target]];
    const name = world.hasFailed ? FD_LIFETIME.name : NAME;
    const why = world.hasFailed ? ': what a failed call has left is in the way' : ' for no reason';
    world.violate(name, `${a} to ${b} is refused with ${errnoName(result)}${why}`);
  }

  /** GET of the state answered. */
  told(tenant: Tenant, result: number, state: number, dataFd: number): void {
    if (result < 0 && this.world.starved) return;
    if (tenant.state !== undefined && tenant.pending === 0 && (result !== 0 || state !== tenant.state))
      this.world.violate(NAME, `the device is in ${STATE_NAMES[state]}, not ${STATE_NAMES[tenant.state]}`);
    if (dataFd !== -1 && result === 0) this.world.violate(NAME, 'GET answers a data_fd');
  }

  /** A state request of which nothing ever came. */
  neverAnswered(): void {
    const { asked } = this;
    const message = asked && neverAnswered(asked.tenant.flags, asked.from, asked.target);
    if (message !== undefined) this.world.violate(NAME, message);
  }

  /** VFIO_DEVICE_FEATURE answered to flags and a size with which nothing is to be carried out. */
  featureAnswered(feature: number, flags: number, result: number, expected: number, written: boolean): void {
    const say = (text: string): void =>
      this.world.violate(NAME, `feature ${feature} with flags ${(flags >>> 16).toString(16)} ${text}`);
    const name = (answer: number): string => (answer < 0 ? errnoName(answer) : String(answer));
    if (result !== expected) say(`answers ${name(result)}, must be ${name(expected)}`);
    else if (written) say('is not carried out, and writes its argument');
  }

  /** The device tells what it can do. */
  offered(result: number, flags: bigint): void {
    const { migrationFlags } = this.world.profile;
    if (result !== 0 || flags !== BigInt(migrationFlags))
      this.world.violate(NAME, `the device offers ${flags} of migration where it has ${migrationFlags}`);
  }

  /** A call that no data file of its kind answers to. */
  fileAnswered(kind: number, result: number, expected: number): void {
    if (result !== expected)
      this.world.violate(NAME, `odd call ${kind} of a data file answers ${result}, must be ${errnoName(expected)}`);
  }

  /** DMA_LOGGING_START answered to ranges that it does not take. */
  rangesAnswered(kind: number, result: number, expected: number): void {
    if (result !== expected)
      this.world.violate(NAME, `logging of odd ranges ${kind} answers ${result}, must be ${errnoName(expected)}`);
  }

  /** MIG_DATA_SIZE answered in STOP, and then so many bytes were read. It is an estimate, of a device that stands still. */
  sized(told: number, read: number): void {
    const { world } = this;
    if (!world.sound || world.hasFailed) return;
    if (told < 0) {
      if (!world.profile.unreachable?.has(-told)) world.violate(NAME, `the size is refused with ${errnoName(told)}`);
    } else if ((told === 0 && read > 0) || told + told / 8 + SLACK < read || told > read + read / 2 + SLACK)
      world.violate(NAME, `the size of the data is told to be ${told}, and is ${read}`);
  }

  /** PRECOPY_INFO answered. */
  promised(tenant: Tenant, file: DataFile, result: number, flags = 0): void {
    if (result === 0 && !tenant.optedIn && flags !== FLAGS_SENT)
      this.world.violate(NAME, `PRECOPY_INFO answers flags ${flags} to a user that did not ask for any`);
    if (result === 0 && tenant.optedIn && (flags & FLAGS_SENT) !== 0)
      this.world.violate(NAME, 'PRECOPY_INFO answers flags that nobody knows');
    const inPrecopy = tenant.state === MIG_STATE.PRE_COPY || tenant.state === MIG_STATE.PRE_COPY_P2P;
    const known = tenant.state !== undefined && tenant.pending === 0 && file.certain;
    if (known && result === 0 && (!inPrecopy || !file.alive))
      this.world.violate(NAME, `PRECOPY_INFO succeeds in ${STATE_NAMES[tenant.state!]}`);
  }

  /** So much could be read after PRECOPY_INFO had answered, and before anything else happened. */
  couldRead(reported: number, read: number, initial = 0): void {
    const { world } = this;
    if (initial > read && world.sound && !world.hasFailed)
      world.violate(NAME, `${initial - read} initial bytes that PRECOPY_INFO reported do not come`);
    if (read > reported)
      this.world.violate(NAME, `${read - reported} bytes more than PRECOPY_INFO reported can be read`);
  }

  /** A read of a data file answered. */
  read(tenant: Tenant, file: DataFile, result: number, length: number): void {
    const inPrecopy = tenant.state === MIG_STATE.PRE_COPY || tenant.state === MIG_STATE.PRE_COPY_P2P;
    if (result === 0 && length > 0 && inPrecopy && file.alive && file.certain && this.world.profile.tellsNoMore)
      this.world.violate(NAME, 'a stream that goes on ends in pre-copy');
    if (result > 0 && file.ended && file.certain) this.world.violate(NAME, 'bytes come behind the end of a stream');
    if (file.reported === undefined || result <= 0) return;
    file.reported -= result;
    if (file.reported < 0 && tenant.state !== MIG_STATE.STOP_COPY)
      this.world.violate(NAME, `${-file.reported} bytes more than PRECOPY_INFO reported can be read`);
  }
}

/** A state request of which nothing ever comes: what is wrong with that for the state machine, if it is to be refused. */
export function neverAnswered(flags: number, from: number | undefined, target: number): string | undefined {
  const path = from === undefined ? 0 : referencePath(flags, from, target);
  if (typeof path !== 'number' || path === 0) return undefined;
  return `${STATE_NAMES[from!]} to ${STATE_NAMES[target] ?? target}: never answers, must be ${errnoName(path)}`;
}
