/**
 * One case: a base run, in which each step is chosen from the state reached so far (or taken from a stored scenario),
 * and its twin, which differs in exactly one thing. What others observe must be equal.
 */
import type { Task } from '../../sim/scheduler.ts';
import { type Choices, replaying } from './generate.ts';
import { OPERATION_BY_NAME } from './operations/index.ts';
import { Recorder } from './recorder.ts';
import type { Actor, Scenario, Step, Twin, Violation } from './scenario.ts';
import type { Tenant } from './tenant.ts';
import type { Seen, World } from './world.ts';
import { newWorlds, type Run, type Subject, type Worlds } from './worlds.ts';

/** Where one case ended. */
export interface CaseResult {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  /** Calls made by tenant A and B in the base run, and how many answered an error. */
  readonly calls: number;
  readonly errors: number;
  readonly arcs: ReadonlySet<number>;
}

/** Runs a pair. `choices` supplies the steps of the base run; the twin repeats them. */
export function runCase(worlds: Worlds, seed: number, twin: Twin, choices: Choices): CaseResult {
  const base = execute(worlds, 'base', twin, choices);
  const { steps, schedule, calls, errors } = base;
  const scenario: Scenario = { variant: worlds.subject.variant.name, seed, twin, steps, schedule };
  // The world of the twin may be the same one, brought back.
  const { seen } = base.world;
  const arcs = new Set(base.world.arcs);
  const violations = [...base.world.violations];
  if (violations.length === 0) violations.push(...runTwin(worlds, scenario, seen));
  return { scenario, violations, calls, errors, arcs };
}

/** Runs a stored scenario, on new machines unless others are given. */
export function rerun(subject: Subject, scenario: Scenario, worlds = newWorlds(subject)): CaseResult {
  return runCase(worlds, scenario.seed, scenario.twin, replaying(scenario));
}

/** Whether a scenario looks the same on machines of both kinds, to everybody, in each run of a pair. */
export function looksAlike(a: Worlds, b: Worlds, scenario: Scenario): boolean {
  return RUNS.every((run) => {
    const [one, other] = [a, b].map((worlds) => execute(worlds, run, 'integrity', replaying(scenario)).world);
    const same = ACTORS.every((actor) => Recorder.compare(one!.seen[actor], other!.seen[actor]) === undefined);
    return same && JSON.stringify(one!.violations) === JSON.stringify(other!.violations);
  });
}

const RUNS: readonly Run[] = ['base', 'integrity', 'confidentiality'];
const ACTORS: readonly Actor[] = ['A', 'B', 'H'];

function runTwin(worlds: Worlds, scenario: Scenario, base: Seen): Violation[] {
  const { world } = execute(worlds, scenario.twin, scenario.twin, replaying(scenario));
  if (world.crashed) return world.violations;
  const observers = scenario.twin === 'integrity' ? (['B', 'H'] as const) : (['A'] as const);
  const violations: Violation[] = [];
  for (const observer of observers) {
    const difference = Recorder.compare(base[observer], world.seen[observer]);
    if (difference === undefined) continue;
    const what =
      scenario.twin === 'integrity'
        ? `${observer === 'B' ? 'tenant B' : 'the host'} observes what tenant A does`
        : "tenant A's observations depend on tenant B's secret or on uncleared memory";
    violations.push({
      property: scenario.twin,
      message: `${what}: ${shorten(difference.left)} or ${shorten(difference.right)}`,
      at: difference.step,
    });
  }
  return violations;
}

const shorten = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.subarray(0, 24)).toString('hex');
  return bytes.length > 24 ? `${text}...` : text || 'nothing';
};

interface Execution {
  readonly world: World;
  readonly steps: readonly Step[];
  readonly schedule: readonly number[];
  readonly calls: number;
  readonly errors: number;
}

function execute(worlds: Worlds, run: Run, twin: Twin, choices: Choices): Execution {
  const world = worlds.world(run);
  const skip = run === 'integrity' ? 'A' : undefined;
  const steps: Step[] = [];
  const schedule: number[] = [];
  let calls = 0;
  let errors = 0;
  for (let index = 0; !world.crashed; index++) {
    const step = choices.next(world, index);
    if (step === undefined) break;
    steps.push(step);
    const turns = choices.turns(index);
    schedule.push(turns);
    if (step.by === skip) continue;
    world.step = index;
    if (step.by !== 'H') calls++;
    try {
      if (advance(world, step, index, turns) < 0) errors++;
    } catch (error) {
      world.crash(error);
    }
  }
  try {
    if (!world.crashed) finish(world, run, twin);
  } catch (error) {
    world.crash(error);
  }
  return { world, steps, schedule, calls, errors };
}

/** One step, and what runs beside it; what it answered. */
function advance(world: World, step: Step, index: number, turns: number): number {
  // B and the host look only when the machine is at rest: what they see must not depend on time.
  if (step.by !== 'A') world.settle();
  const result = perform(world, step, index);
  // And nothing of theirs is left running beside A's calls: turns would carry time from B to A.
  if (step.by !== 'A') world.settle();
  if (world.a.pending > 0) for (let i = 0; i < turns; i++) world.machine.kernel.scheduler.step();
  return result;
}

function perform(world: World, step: Step, index: number): number {
  const recorder = world.seen[step.by];
  recorder.begin(index);
  world.actor = step.by;
  const tenant = step.by === 'B' ? world.b : world.a;
  if (step.by === 'H') {
    const answer = world.profile.host(world, step.args.what ?? 0);
    recorder.data(answer);
    return 0;
  }
  if (tenant.device === undefined && step.op !== 'open' && !CLOSED_TOO.has(step.op)) return -9;
  // A shortened scenario may have lost the close before.
  if (tenant.device !== undefined && step.op === 'open') return -16;
  const operation = OPERATION_BY_NAME.get(step.op)!;
  const spawned = step.spawn === true && tenant.pending === 0 && tenant.device !== undefined;
  if (tenant.pending > 0 && NEEDS_REST.has(step.op)) world.settle();
  if (spawned) world.raced = true;
  // What PRECOPY_INFO reported holds until something else happens.
  if (step.op !== 'read') for (const file of tenant.files) file.reported = undefined;
  resync(tenant);
  const call = operation.run(tenant, step.args, world, index, spawned);
  if (spawned && typeof call !== 'number') {
    tenant.pending++;
    world.machine.kernel.scheduler.spawn(`${step.op} of ${step.by}`, underWay(world, tenant, call));
    return 0;
  }
  const result = world.finish(tenant, call);
  recorder.number(result);
  return result;
}

/** Steps that make sense without an open device. */
const CLOSED_TOO = new Set(['map', 'unmap', 'events', 'read', 'write', 'close_file', 'wait', 'leave_container']);
/** Steps whose argument memory or outcome needs earlier calls to have ended. */
const NEEDS_REST = new Set(['close', 'round_trip', 'open', 'open_again', 'leave_container']);

function* underWay(world: World, tenant: Tenant, call: Task<number>): Task<number> {
  const result = yield* call;
  tenant.pending--;
  world.seen[tenant.name].number(result);
  return result;
}

/** After calls that ran beside each other the state is whatever the device says; from there the model goes on. */
function resync(tenant: Tenant): void {
  if (tenant.state !== undefined || tenant.pending > 0 || tenant.device === undefined) return;
  const answer = tenant.device.getState();
  tenant.state = answer.result === 0 ? answer.state : undefined;
  for (const file of tenant.files) file.certain = false;
}

/** The end of a run: everything comes to rest, those whose observations count look once more, the tenants leave. */
function finish(world: World, run: Run, twin: Twin): void {
  world.step = -1;
  world.settle();
  if (twin === 'integrity') world.profile.lastLook(world);
  if (run !== 'base') return;
  for (const tenant of world.tenants)
    if (tenant.pending > 0) world.violate('FSM legality', `a call of tenant ${tenant.name} never returns`);
  world.leftovers.judge();
}
