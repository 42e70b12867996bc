/** The first observation that differs between the two runs of a pair, with what it means and whose its bytes are. */

import { configPosition } from '../../trace/place.ts';
import { registerAt } from '../../trace/registers.ts';
import { OBSERVERS } from '../properties/noninterference.ts';
import type { Actor, Scenario, Twin } from '../scenario.ts';
import type { Subject } from '../subject.ts';
import { firstDifference, type Observation } from './observations.ts';
import { bytesOf, type Owner, ownersOf } from './owners.ts';
import type { WatchedRuns } from './watched-run.ts';
import { answerText, fieldsOf, placeText, valueText } from './words.ts';

/** One run's side of it. */
export interface Side {
  readonly run: string;
  /** As text; empty: nothing was observed. */
  readonly hex: string;
  /** One letter a byte. */
  readonly owners: readonly Owner[];
  /** A number in words, e.g. `-EINVAL`. */
  readonly meaning?: string;
}

/** A named value that differs. */
export interface DifferingField {
  readonly name: string;
  readonly offset: number;
  readonly left: string;
  readonly right: string;
}

/** See the head of this file. */
export interface Divergence {
  readonly observer: Actor;
  readonly step: number;
  /** What the observer looked at. */
  readonly what: string;
  readonly left: Side;
  readonly right: Side;
  readonly fields: readonly DifferingField[];
}

const RUNS: Readonly<Record<Twin, readonly [string, string]>> = {
  integrity: ['tenant A acts', 'tenant A does nothing'],
  confidentiality: ["tenant B's secret, and rubbish in uncleared memory", 'another secret, and other rubbish'],
  residue: ['rubbish in uncleared memory', 'other rubbish'],
};

/** The first difference of a pair; undefined: the runs look the same to those who must not see a difference. */
export function divergenceOf(subject: Subject, scenario: Scenario, { base, by }: WatchedRuns): Divergence | undefined {
  const twin = by.get(scenario.twin);
  if (twin === undefined) return undefined;
  for (const observer of OBSERVERS[scenario.twin]) {
    const [a, b] = [base.observations.by[observer], twin.observations.by[observer]];
    const index = firstDifference(a, b);
    if (index === undefined) continue;
    const sides = { left: bytesOf(a[index]), right: bytesOf(b[index]) };
    const owners = ownersOf(subject, scenario, observer, index, sides);
    const seen = a[index] ?? b[index]!;
    const config = base.world.machine.configSpace(base.world[observer === 'B' ? 'b' : 'a'].bdf);
    const [one, other] = RUNS[scenario.twin];
    return {
      observer,
      step: seen.step,
      what: whatOf(seen, a, index, config),
      left: side(one, a[index], owners.left),
      right: side(other, b[index], owners.right),
      fields: fieldsThatDiffer(seen, sides, config),
    };
  }
  return undefined;
}

function side(run: string, observation: Observation | undefined, owners: readonly Owner[]): Side {
  const number = typeof observation?.seen === 'number' ? { meaning: answerText(observation.seen) } : {};
  return { run, hex: Buffer.from(bytesOf(observation)).toString('hex'), owners, ...number };
}

/** Which look it was: the call it came from, or the how-manieth observation of its step. */
function whatOf(
  { step, call, seen }: Observation,
  all: readonly Observation[],
  index: number,
  config: Uint8Array | undefined,
): string {
  const number = all.slice(0, index + 1).filter((one) => one.step === step).length;
  const kind = typeof seen === 'number' ? 'number' : `${seen.length} bytes`;
  // A number at the end is a count or a state, whatever bytes were looked at before it.
  if (step < 0)
    return call === undefined || typeof seen === 'number' ? `look ${number}: ${kind}` : `${call.text}: ${kind}`;
  if (call === undefined) return `observation ${number} of the step: ${kind}`;
  const place = call.offset === undefined ? call.text : `read of ${placeText(call.offset, config)}`;
  return `${place}: ${kind}`;
}

/** Fields of a struct whose values differ, or registers of configuration space. */
function fieldsThatDiffer(
  { call, seen }: Observation,
  { left, right }: { readonly left: Uint8Array; readonly right: Uint8Array },
  config: Uint8Array | undefined,
): DifferingField[] {
  if (typeof seen === 'number') return [];
  if (call?.ioctl !== undefined) {
    const { kind, request } = call.ioctl;
    const other = fieldsOf(right, kind, request, 'out');
    return fieldsOf(left, kind, request, 'out').flatMap(({ name, offset, value }) => {
      const there = other.find((field) => field.name === name)?.value ?? 'nothing';
      return there === value ? [] : [{ name, offset, left: valueText(value), right: valueText(there) }];
    });
  }
  const start = call?.offset === undefined ? undefined : configPosition(call.offset);
  return start === undefined ? [] : registersThatDiffer(start, left, right, config ?? new Uint8Array(4096));
}

function registersThatDiffer(start: number, left: Uint8Array, right: Uint8Array, config: Uint8Array): DifferingField[] {
  const registers = new Map<string, DifferingField>();
  for (let i = 0; i < left.length; i++) {
    const { name, offset, width } = registerAt(config, start + i);
    if (left[i] === right[i] || registers.has(name)) continue;
    const part = (bytes: Uint8Array): string =>
      Buffer.from(bytes.subarray(Math.max(0, offset - start), offset - start + width)).toString('hex');
    registers.set(name, { name, offset, left: part(left), right: part(right) });
  }
  return [...registers.values()];
}
