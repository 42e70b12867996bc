/** Explains a scenario: runs it once more, watched, and says what happened, which promise broke, and how one can see it. */
import { PROPERTIES } from '../properties/index.ts';
import type { Scenario, Violation } from '../scenario.ts';
import { describeSetting } from '../setting.ts';
import type { Subject } from '../subject.ts';
import { type Divergence, divergenceOf } from './divergence.ts';
import { type ChronicleEvent, LANES, type Lane } from './event.ts';
import { type WatchedRun, type WatchedRuns, watchedRuns } from './watched-run.ts';

/** A promise in words, and what it leaves open on purpose. */
export interface Rule {
  readonly name: string;
  readonly promise: string;
  readonly allows: readonly string[];
}

/** All there is to say about one scenario. */
export interface Explanation {
  readonly scenario: Scenario;
  /** What is not plain about the machine; empty: nothing. */
  readonly setting: string;
  readonly rule: Rule;
  /** Undefined: nothing was broken this time. */
  readonly violation: Violation | undefined;
  readonly lanes: readonly Lane[];
  readonly events: readonly ChronicleEvent[];
  /** Of the properties that compare two runs. */
  readonly divergence: Divergence | undefined;
}

/** Runs `scenario` on new machines; of several broken promises it explains `property`, or the first. */
export function explain(subject: Subject, asked: Scenario, property?: string): Explanation {
  const runs = watchedRuns(subject, asked);
  // A difference that uncleared memory alone makes is a case of that, and so another pair of runs.
  const { violations, scenario } = runs.result;
  const violation = violations.find((one) => one.property === property) ?? violations[0];
  const about = {
    scenario,
    setting: describeSetting(subject.factors, scenario.setting),
    rule: ruleOf(violation?.property ?? property ?? ''),
    violation,
  };
  // The machine never came up: there is nothing to watch.
  if (violation !== undefined && !runs.by.has('base'))
    return { ...about, lanes: ['host'], events: marked([], violation, { observer: 'H' }), divergence: undefined };
  const teller = tellerOf(runs, violation);
  const { events } = (teller ?? runs.base).chronicle;
  const silent = violation !== undefined && teller === undefined;
  const divergence = silent ? divergenceOf(subject, scenario, runs) : undefined;
  return {
    ...about,
    lanes: lanesOf(subject, runs),
    events: silent ? marked(events, violation, divergence) : events,
    divergence,
  };
}

/** What a property promises; a name that is not known promises nothing. */
export function ruleOf(name: string): Rule {
  const { promise = '', allows = [] } = PROPERTIES.find((one) => one.name === name) ?? {};
  return { name, promise, allows };
}

/** The run in which a promise was seen broken; undefined: it was seen from outside, or nothing is broken. */
function tellerOf({ by }: WatchedRuns, violation: Violation | undefined): WatchedRun | undefined {
  return [...by.values()].find(({ world }) => violation !== undefined && world.violations.includes(violation));
}

/** What is seen from outside of the runs, by comparing two or by waiting in vain, is told where it was to be seen. */
function marked(
  events: readonly ChronicleEvent[],
  { property, message, at }: Violation,
  divergence: Pick<Divergence, 'observer'> | undefined,
): ChronicleEvent[] {
  const last = at < 0 ? events.length - 1 : events.findLastIndex(({ step }) => step >= 0 && step <= at);
  const { observer = 'A' } = divergence ?? {};
  const lane: Lane = observer === 'H' ? 'host' : observer;
  const what = divergence === undefined ? message : 'what is observed here differs between the two runs';
  const text = `${property}: ${what}`;
  const mark: ChronicleEvent = { step: at, kind: 'violation', from: lane, to: lane, text, sort: text };
  return events.toSpliced(last + 1, 0, mark);
}

/** Lanes that can have something in them. */
function lanesOf({ variant, profile }: Subject, { base }: WatchedRuns): Lane[] {
  const used = new Set(base.chronicle.events.flatMap(({ from, to }) => [from, to]));
  const present: Partial<Record<Lane, boolean>> = {
    parent: variant.declaration.parent !== undefined,
    device: profile(base.world.setting).kind === 'function',
    host: used.has('host'),
  };
  return LANES.filter((lane) => present[lane] ?? true);
}
