/** Explains a scenario: runs it once more, watched, and says what happened, which promise broke, and how one can see it. */
import { PROPERTIES } from '../properties/index.ts';
import type { Scenario, Violation } from '../scenario.ts';
import { BASE, OTHER, type Subject } from '../worlds.ts';
import { type Divergence, divergenceOf } from './divergence.ts';
import { type ChronicleEvent, LANES, type Lane } from './event.ts';
import { type WatchedPair, watchedPair } from './watched-run.ts';

/** A promise in words, and what it leaves open on purpose. */
export interface Rule {
  readonly name: string;
  readonly promise: string;
  readonly allowed: readonly string[];
}

/** All there is to say about one scenario. */
export interface Explanation {
  readonly scenario: Scenario;
  readonly rule: Rule;
  /** Undefined: nothing was broken this time. */
  readonly violation: Violation | undefined;
  readonly lanes: readonly Lane[];
  readonly events: readonly ChronicleEvent[];
  /** Of the properties that compare two runs. */
  readonly divergence: Divergence | undefined;
}

/** Runs `scenario` on new machines; of several broken promises it explains `property`, or the first. */
export function explain(subject: Subject, scenario: Scenario, property?: string): Explanation {
  const pair = watchedPair(subject, scenario, BASE, scenario.twin === 'confidentiality' ? OTHER : BASE);
  const { violations } = pair.result;
  const violation = violations.find((one) => one.property === property) ?? violations[0];
  const compared = violation !== undefined && violation.property === scenario.twin;
  return {
    scenario,
    rule: ruleOf(violation?.property ?? property ?? ''),
    violation,
    lanes: lanesOf(subject, pair),
    events: compared ? marked(pair.base.chronicle.events, violation) : eventsOf(pair, violation),
    divergence: compared ? divergenceOf(subject, scenario, pair) : undefined,
  };
}

/** What a property promises; a name that is not known promises nothing. */
export function ruleOf(name: string): Rule {
  const property: { promise?: string; allowed?: readonly string[] } = PROPERTIES.find((one) => one.name === name) ?? {};
  return { name, promise: property.promise ?? '', allowed: property.allowed ?? [] };
}

/** The first run, unless the promise broke in the second: a machine may crash there too. */
function eventsOf({ base, twin }: WatchedPair, violation: Violation | undefined): readonly ChronicleEvent[] {
  const inTwin = twin !== undefined && violation !== undefined && twin.world.violations.includes(violation);
  return (inTwin ? twin : base).chronicle.events;
}

/** Comparing finds the difference when both runs are over; it is told where it was to be seen. */
function marked(events: readonly ChronicleEvent[], { property, at }: Violation): ChronicleEvent[] {
  const last = at < 0 ? events.length - 1 : events.findLastIndex(({ step }) => step >= 0 && step <= at);
  const observer: Lane = property === 'confidentiality' ? 'A' : 'B';
  const text = `${property}: what is observed here differs between the two runs`;
  const mark: ChronicleEvent = { step: at, kind: 'violation', from: observer, to: observer, text, sort: text };
  return events.toSpliced(last + 1, 0, mark);
}

/** Lanes that can have something in them. */
function lanesOf({ variant, profile }: Subject, { base }: WatchedPair): Lane[] {
  const used = new Set(base.chronicle.events.flatMap(({ from, to }) => [from, to]));
  const present: Partial<Record<Lane, boolean>> = {
    parent: variant.declaration.parent !== undefined,
    device: profile.kind === 'function',
    host: used.has('host'),
  };
  return LANES.filter((lane) => present[lane] ?? true);
}
