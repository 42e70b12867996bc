/**
 * Safeguards bear load: each declared check is switched off in turn, and a campaign has to notice. A check that nobody
 * misses either has its reason in the declaration, or is a finding: of the check, or of the lab.
 */
import { allSafeguards } from '../variant/dossier.ts';
import { type AnySafeguard, switchOff } from '../variant/safeguard.ts';
import { placesOf } from '../variant/safeguard-places.ts';
import type { Subject } from './subject.ts';
import type { Defect } from './zoo/defect.ts';
import type { TrialOptions } from './zoo/trial.ts';
import { type Entry, runZoo } from './zoo/zoo.ts';

/**
 * `noticed`: a property failed without it. `redundant`: none did, and the declaration says why. `unexplained`: none did.
 * `contradicted`: it is declared redundant, and a property failed. `fault`: the emulator failed.
 */
export type SafeguardVerdict = 'noticed' | 'redundant' | 'unexplained' | 'contradicted' | 'fault';

/** What became of one safeguard. Numbers are medians over the trials that noticed. */
export interface SafeguardEntry {
  readonly name: string;
  readonly checks: string;
  readonly errno: string;
  /** Where it stands: fields of formats, arguments of interactions, regions. */
  readonly stands: readonly string[];
  readonly verdict: SafeguardVerdict;
  readonly trials: number;
  readonly noticedIn: number;
  /** The property that failed. */
  readonly property: string | null;
  readonly seconds: number | null;
  readonly cases: number | null;
  /** Calls of the smallest counterexample. */
  readonly calls: number | null;
  /** Why it is redundant, or how the emulator failed. */
  readonly reason: string | null;
}

/** What became of all safeguards of a variant. */
export interface SafeguardReport {
  readonly variant: string;
  readonly seed: number;
  readonly entries: readonly SafeguardEntry[];
  /** Each is noticed, or redundant for a declared reason. */
  readonly borne: boolean;
}

/** How often, how long, which of them, and who wants to know. */
export interface SafeguardOptions extends TrialOptions {
  readonly trials: number;
  /** Names of those to switch off; all if none is given. */
  readonly only?: readonly string[];
  progress?(entry: SafeguardEntry): void;
}

const BORNE: ReadonlySet<SafeguardVerdict> = new Set(['noticed', 'redundant']);

/** Switches the safeguards of a subject's variant off, one after another. */
export function runSafeguards(subject: Subject, options: SafeguardOptions): SafeguardReport {
  const { declaration, name } = subject.variant;
  const { only = [], seed } = options;
  const guards = allSafeguards(declaration).filter((guard) => only.length === 0 || only.includes(guard.name));
  const entries = guards.map((guard) => {
    const zoo = runZoo([asDefect(guard)], [], () => subject, zooOptions(options));
    const entry = entryOf(guard, placesOf(declaration, guard), zoo.entries[0]!);
    options.progress?.(entry);
    return entry;
  });
  return { variant: name, seed, entries, borne: entries.every(({ verdict }) => BORNE.has(verdict)) };
}

const zooOptions = ({ seed, trials, milliseconds, now }: SafeguardOptions) => ({ seed, trials, milliseconds, now });

/** To the campaign a check that is not there is a defect like any other. */
function asDefect(guard: AnySafeguard): Defect {
  const { name, checks, owner } = guard;
  return { id: name, title: checks, reference: owner, properties: [], plant: () => switchOff(guard) };
}

function entryOf(guard: AnySafeguard, stands: readonly string[], found: Entry): SafeguardEntry {
  const { name, checks, errnoName, redundant } = guard;
  const { trials, foundIn, property, seconds, cases, calls } = found;
  const verdict = verdictOf(guard, found);
  const reason = verdict === 'fault' ? found.reason! : (redundant ?? null);
  const numbers = { trials, noticedIn: foundIn, property, seconds, cases, calls };
  return { name, checks, errno: errnoName, stands, verdict, ...numbers, reason };
}

function verdictOf({ redundant }: AnySafeguard, { foundIn, reason }: Entry): SafeguardVerdict {
  if (reason !== undefined) return 'fault';
  if (foundIn > 0) return redundant === undefined ? 'noticed' : 'contradicted';
  return redundant === undefined ? 'unexplained' : 'redundant';
}
