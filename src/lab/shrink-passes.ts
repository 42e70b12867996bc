/** The ways in which a scenario is made smaller. */
import { plainerSteps, plainerValues, together } from './plainer.ts';
import { type Actor, orderOf, type Step, TURNS, turnsOf } from './scenario.ts';
import { DIGITS } from './schedule.ts';
import { PLAIN, type Setting } from './setting.ts';
import type { Search } from './shrink.ts';
import type { Subject } from './subject.ts';

/** Up to this many steps every two of them are tried without each other: a close needs its open. */
const PAIRS_UP_TO = 14;

/** One way to make a scenario smaller; whether it did. */
export type Pass = (search: Search, subject: Subject) => boolean;

/** The machine as it comes, instead of what was set about it; and settings closer to that. */
const plainerSetting: Pass = (search) => {
  const { setting } = search.scenario;
  const names = Object.keys(setting);
  if (names.length === 0) return false;
  const attempt = (to: Setting): boolean => search.attempt({ ...search.scenario, setting: to });
  if (attempt(PLAIN)) return true;
  return some(names, (name) => {
    const { [name]: value, ...others } = search.scenario.setting;
    if (value === undefined) return false;
    if (attempt(others)) return true;
    return Array.from({ length: Math.max(0, value - 1) }, (_, i) => i + 1).some((less) =>
      attempt({ ...others, [name]: less }),
    );
  });
};

/** The second run matters only to the promises that compare; for the others one kind is as good as the other. */
const plainerTwin: Pass = (search) =>
  search.scenario.twin !== 'integrity' && search.attempt({ ...search.scenario, twin: 'integrity' });

/** All steps of one of them at once. */
const dropActors: Pass = (search) =>
  some(['B', 'H', 'A'] satisfies Actor[], (actor) => search.keep(({ by }) => by !== actor));

/** Runs of steps, long ones first. */
const dropRuns: Pass = (search) => {
  let changed = false;
  for (let size = Math.max(1, search.steps.length >> 1); size >= 1; size >>= 1)
    for (let from = 0; from < search.steps.length; )
      if (search.keep((_, index) => index < from || index >= from + size)) changed = true;
      else from += size;
  return changed;
};

/** Two steps that only go together. */
const dropPairs: Pass = (search) => {
  if (search.steps.length > PAIRS_UP_TO) return false;
  for (let a = 0; a < search.steps.length; a++)
    for (let b = a + 2; b < search.steps.length; b++)
      if (search.keep((_, index) => index !== a && index !== b)) return true;
  return false;
};

const mergeNeighbours: Pass = (search) => {
  for (let index = 0; index + 1 < search.steps.length; index++) {
    const { steps, schedule } = search.scenario;
    const step = together(steps[index]!, steps[index + 1]!);
    if (step === undefined) continue;
    const merged = { steps: steps.toSpliced(index, 2, step), schedule: schedule.toSpliced(index, 1) };
    if (search.attempt({ ...search.scenario, ...merged })) return true;
  }
  return false;
};

/** Threads under way get no turns. */
const calmSchedule: Pass = (search) => {
  const { schedule } = search.scenario;
  if (schedule.every((turns) => turns === 0)) return false;
  if (search.attempt({ ...search.scenario, schedule: schedule.map(() => 0) })) return true;
  return some([...schedule.keys()], (index) =>
    plainerSchedules(search.scenario.schedule[index]!).some((less) =>
      search.attempt({ ...search.scenario, schedule: search.scenario.schedule.with(index, less) }),
    ),
  );
};

/** No turns and no order of its own; then one of the two; then less of an order. */
function plainerSchedules(value: number): number[] {
  const [turns, order] = [turnsOf(value), orderOf(value)];
  const candidates = [
    0,
    turns,
    order * TURNS,
    turns + TURNS * (order % DIGITS),
    turns + TURNS * Math.floor(order / DIGITS),
  ];
  return [...new Set(candidates)].filter((less) => less < value);
}

/** Calls that are waited for, made by tenant A if it does not matter who, and simpler ones. */
const simplifySteps: Pass = (search, subject) =>
  each(search, (index) => {
    const { spawn, ...plain } = search.steps[index]!;
    let changed = spawn === true && search.replace(index, plain);
    const now = (): Step => search.steps[index]!;
    if (now().by === 'B') changed = search.replace(index, { ...now(), by: 'A' }) || changed;
    const offering = { variant: subject.variant, profile: subject.profile(search.scenario.setting) };
    return plainerSteps(offering, now()).some((step) => search.replace(index, step)) || changed;
  });

/** Where it does not matter who does it, tenant A does all of it. */
const oneActor: Pass = (search) => {
  const { steps } = search.scenario;
  if (steps.every(({ by }) => by !== 'B')) return false;
  return search.attempt({
    ...search.scenario,
    steps: steps.map((step) => (step.by === 'B' ? { ...step, by: 'A' } : step)),
  });
};

const simplifyArguments: Pass = (search) =>
  each(search, (index) => {
    let changed = false;
    for (const name of Object.keys(search.steps[index]!.args)) {
      const step = search.steps[index]!;
      const found = plainerValues(step, name, step.args[name]!).some((value) =>
        search.replace(index, { ...step, args: { ...step.args, [name]: value } }),
      );
      changed = found || changed;
    }
    return changed;
  });

/** In the order in which they are tried, again and again, until none of them helps. */
export const PASSES: readonly Pass[] = [
  plainerSetting,
  plainerTwin,
  dropActors,
  dropRuns,
  dropPairs,
  mergeNeighbours,
  calmSchedule,
  oneActor,
  simplifySteps,
  simplifyArguments,
];

/** Tries all of them, not only up to the first that works. */
const some = <T>(items: readonly T[], works: (item: T) => boolean): boolean => items.filter(works).length > 0;

function each(search: Search, works: (index: number) => boolean): boolean {
  let changed = false;
  for (let index = 0; index < search.steps.length; index++) changed = works(index) || changed;
  return changed;
}
