/**
 * One case: a base run, in which each step is chosen from the state reached so far (or taken from a stored scenario),
 * and its twin, which differs in exactly one thing. What others observe must be equal.
 */
import { HangError } from '../../sim/hang.ts';
import { type Choices, replaying } from './generate.ts';
import { type Coverage, placeOf } from './guidance/coverage.ts';
import { NeverUsable, opened, unusable } from './never-usable.ts';
import { closeDevice } from './operations/lifecycle.ts';
import { isOutage, perform } from './perform-step.ts';
import { FSM_LEGALITY, neverAnswered } from './properties/fsm-legality.ts';
import { compareRuns } from './properties/noninterference.ts';
import { RESET_AND_LIVENESS } from './properties/reset-and-liveness.ts';
import { Recorder } from './recorder.ts';
import {
  type Actor,
  orderOf,
  type Scenario,
  type Step,
  TWINS,
  type Twin,
  turnsOf,
  type Violation,
} from './scenario.ts';
import { ordered, unordered } from './schedule.ts';
import type { Setting } from './setting.ts';
import type { Subject } from './subject.ts';
import type { Tenant } from './tenant.ts';
import { Stopwatch, within } from './watchdog.ts';
import type { Seen, World } from './world.ts';
import { newWorlds, type Run, type Worlds } from './worlds.ts';

/** Where one case ended. */
export interface CaseResult {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  /** Steps of tenant A and B in the base run, the system calls they made, and how many steps answered an error. */
  readonly steps: number;
  readonly calls: number;
  readonly errors: number;
  /** Steps of the base run that made no sense where it had come to: nothing was called. */
  readonly discarded: number;
  readonly arcs: readonly number[];
}

/** What a case is, apart from its steps. */
export interface CaseFrame {
  readonly seed: number;
  readonly twin: Twin;
  readonly setting: Setting;
}

/** Runs a pair. `choices` supplies the steps of the base run; the twin repeats them. */
export function runCase(worlds: Worlds, frame: CaseFrame, choices: Choices, coverage?: Coverage): CaseResult {
  const result = runPair(worlds, frame, choices, coverage);
  worlds.rest?.();
  return result;
}

function runPair(worlds: Worlds, frame: CaseFrame, choices: Choices, coverage: Coverage | undefined): CaseResult {
  const { seed, twin, setting } = frame;
  let base: Execution;
  try {
    base = execute(worlds, 'base', frame, choices, coverage);
  } catch (error) {
    if (error instanceof NeverUsable) return unusable(worlds.subject, frame, error);
    throw error;
  }
  const { schedule, made: steps, calls, errors } = base;
  const scenario: Scenario = { variant: worlds.subject.variant.name, seed, twin, setting, steps: base.steps, schedule };
  // The world of the twin may be the same one, brought back.
  const { seen, discarded } = base.world;
  const arcs = [...base.world.arcs];
  const own = [...base.world.violations];
  const end = own.length > 0 ? { scenario, violations: own } : runTwin(worlds, scenario, seen);
  return { scenario: end.scenario, violations: end.violations, steps, calls, errors, discarded, arcs };
}

/** The base run alone, on a machine that nobody watches: what the steps of a case cost by themselves. */
export function runBare(worlds: Worlds, setting: Setting, choices: Choices): readonly Step[] {
  const { steps } = execute(worlds, 'confidentiality', { seed: 0, twin: 'confidentiality', setting }, choices);
  worlds.rest?.();
  return steps;
}

/** Milliseconds in which a single case on new machines must end: it takes a few. */
const CASE_TIME = 400;
/** However little of it was spent on the case, so many times as long is enough. */
const MOST_PATIENCE = 4;
/** The same for somebody who runs one case and not hundreds: a machine under load must not look like a hang. */
export const PATIENCE = 3000;

/** Runs a stored scenario, on new machines unless others are given. One that never ends breaks a property, too. */
export function rerun(subject: Subject, scenario: Scenario, given?: Worlds, milliseconds = CASE_TIME): CaseResult {
  for (let patience = milliseconds; ; patience *= 2) {
    const worlds = given ?? newWorlds(subject);
    const under = recorded(scenario, replaying(scenario));
    const watch = new Stopwatch();
    let result: CaseResult | undefined;
    try {
      within(patience, () => {
        result = runCase(worlds, scenario, under.choices);
      });
      return result!;
    } catch (error) {
      if (!(error instanceof HangError)) throw error;
      // Others had the processor meanwhile: nothing is known yet.
      if (given === undefined && watch.worked < patience / 2 && patience < MOST_PATIENCE * milliseconds) continue;
      return hung(subject, under, error);
    }
  }
}

/** A case under way, and the steps it has begun: what is known of it if it never ends. */
export interface Recorded {
  readonly frame: CaseFrame;
  readonly choices: Choices;
  readonly steps: readonly Step[];
  readonly schedule: readonly number[];
}

export function recorded(frame: CaseFrame, choices: Choices): Recorded {
  const steps: Step[] = [];
  const schedule: number[] = [];
  return {
    frame,
    steps,
    schedule,
    choices: {
      next(world, index) {
        const step = choices.next(world, index);
        if (step !== undefined) steps[index] = step;
        return step;
      },
      turns: (index, world) => (schedule[index] = choices.turns(index, world)),
    },
  };
}

/** The result of a case whose last step never ended. */
export function hung(subject: Subject, { frame, steps, schedule }: Recorded, error: HangError): CaseResult {
  const { seed, twin, setting } = frame;
  const scenario = { variant: subject.variant.name, seed, twin, setting, steps: [...steps], schedule: [...schedule] };
  const message = `the call never returns: ${error.message}`;
  const at = steps.length - 1;
  const violations = [{ property: RESET_AND_LIVENESS.name, message, at }];
  const last = steps[at];
  if (last?.op === 'set_state' && last.spawn !== true) {
    // What the state machine says of the request is known by where the steps before it have led.
    const before = { ...scenario, steps: steps.slice(0, -1) };
    const { world } = execute(newWorlds(subject), 'base', frame, replaying(before));
    const tenant = last.by === 'B' ? world.b : world.a;
    const refused = neverAnswered(tenant.flags, tenant.state, last.args.state!);
    if (refused !== undefined) violations.unshift({ property: FSM_LEGALITY.name, message: refused, at });
  }
  return { scenario, violations, steps: steps.length, calls: steps.length, errors: 0, discarded: 0, arcs: [] };
}

/** Whether a scenario looks the same on machines of both kinds, to everybody, in each run of a pair. */
export function looksAlike(a: Worlds, b: Worlds, scenario: Scenario): boolean {
  const frame: CaseFrame = { ...scenario, twin: 'integrity' };
  return RUNS.every((run) => {
    const [one, other] = [a, b].map((worlds) => execute(worlds, run, frame, replaying(scenario)).world);
    const same = ACTORS.every((actor) => Recorder.compare(one!.seen[actor], other!.seen[actor]) === undefined);
    return same && JSON.stringify(one!.violations) === JSON.stringify(other!.violations);
  });
}

const RUNS: readonly Run[] = ['base', ...TWINS];
const ACTORS: readonly Actor[] = ['A', 'B', 'H'];

/** Runs the twin. A difference that uncleared memory alone makes is a case of that. */
function runTwin(worlds: Worlds, scenario: Scenario, base: Seen): Pick<CaseResult, 'scenario' | 'violations'> {
  // Who has a PF can take the VFs away from their users: that is what the token between them is about.
  const trusting = worlds.subject.profile(scenario.setting).pci?.trusting === true;
  if (trusting && scenario.twin === 'integrity') return { scenario, violations: [] };
  const { world } = execute(worlds, scenario.twin, scenario, replaying(scenario));
  const violations = world.crashed ? [...world.violations] : compareRuns(scenario.twin, base, world.seen);
  if (violations.length === 0 || scenario.twin !== 'confidentiality') return { scenario, violations };
  const uncleared = runTwin(worlds, { ...scenario, twin: 'residue' }, base);
  return uncleared.violations.length > 0 ? uncleared : { scenario, violations };
}

interface Execution {
  readonly world: World;
  readonly steps: readonly Step[];
  readonly schedule: readonly number[];
  /** Steps that were not the host's. */
  readonly made: number;
  /** System calls that these made. */
  readonly calls: number;
  readonly errors: number;
}

function execute(
  worlds: Worlds,
  run: Run,
  { twin, setting }: CaseFrame,
  choices: Choices,
  coverage?: Coverage,
): Execution {
  const world = opened(worlds, run, setting);
  const skip = run === 'integrity' ? 'A' : undefined;
  const steps: Step[] = [];
  const schedule: number[] = [];
  let made = 0;
  let calls = 0;
  let errors = 0;
  for (let index = 0; !world.crashed; index++) {
    const step = choices.next(world, index);
    if (step === undefined) break;
    steps.push(step);
    const turns = choices.turns(index, world);
    schedule.push(turns);
    if (step.by === skip) continue;
    world.step = index;
    const before = world.calls;
    try {
      if (advance(world, step, index, turns, coverage) < 0) errors++;
    } catch (error) {
      ended(world, error);
    }
    const spent = Math.max(1, world.calls - before);
    world.spent += spent;
    if (step.by === 'H') continue;
    made++;
    calls += spent;
  }
  try {
    if (!world.crashed) finish(world, run, twin);
  } catch (error) {
    ended(world, error);
  }
  return { world, steps, schedule, made, calls, errors };
}

/** Where a promise was broken before, the lab's account is not that of the machine any more: what it trips over then is no fault. */
function ended(world: World, error: unknown): void {
  if (world.violations.length > 0) world.crashed = true;
  else world.crash(error);
}

/** One step, and what runs beside it; what it answered. */
function advance(world: World, step: Step, index: number, scheduled: number, coverage?: Coverage): number {
  const { scheduler } = world.machine.kernel;
  // B and the host look only when the machine is at rest: what they see must not depend on time. What the host does may
  // come while a call of A is under way.
  const meets = step.by === 'A' || isOutage(step);
  if (!meets) world.settle();
  const tenant = step.by === 'B' ? world.b : world.a;
  const beside = tenant.pending > 0;
  const before = placeOf(tenant);
  const order = meets && (world.a.pending > 0 || step.spawn === true);
  if (order) ordered(scheduler, orderOf(scheduled));
  const result = perform(world, step, index);
  if (step.by !== 'H') coverage?.note(step.op, beside, step.spawn === true, before, placeOf(tenant), result);
  // And nothing of theirs is left running beside A's calls: turns would carry time from B to A.
  if (step.by !== 'A') world.settle();
  if (world.a.pending > 0) for (let i = 0; i < turnsOf(scheduled); i++) scheduler.step();
  if (order) unordered(scheduler);
  return result;
}

/** The end of a run: everything comes to rest, those whose observations count look once more, the tenants leave. */
function finish(world: World, run: Run, twin: Twin): void {
  world.step = -1;
  world.actor = 'H';
  world.settle();
  if (twin === 'integrity') lastLook(world);
  if (run !== 'base') return;
  for (const tenant of world.tenants) if (tenant.pending > 0) world.checks.liveness.stillUnderWay(tenant);
  for (const tenant of world.tenants) if (tenant.device !== undefined) leave(tenant, world);
  world.settle();
  for (const check of world.checks.all) check.judge?.();
}

/** The tenant gives back all that it has of its device. */
function leave(tenant: Tenant, world: World): void {
  for (const { fd, detach } of tenant.pci.buffers.splice(0)) {
    detach?.();
    tenant.process.close(fd);
  }
  closeDevice(tenant, world);
}

/** What is looked at of a page goes through here: taken room would cost as much as the look. */
const LOOK = new Uint8Array(2048);

/** B and the host look once more, at all there is to see. */
function lastLook(world: World): void {
  const { b, seen, profile } = world;
  seen.B.begin(-1);
  for (const { file } of b.events) seen.B.number(Number(file.drain()));
  for (let page = 0; page < (profile.memoryPages ?? 0); page++)
    seen.B.data(b.process.memory.copyIn(b.buffer + page * 4096, LOOK.length, LOOK)!);
  if (b.device !== undefined && profile.migrationFlags !== 0) seen.B.number(b.device.getState().state);
  seen.B.data(world.inside.digest(b));
  seen.H.begin(-1);
  for (let what = 0; what < 4; what++) seen.H.data(profile.host(world, what));
}
