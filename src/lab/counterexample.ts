/** Counterexample files: a scenario that broke a property, kept so that anyone can run it again. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OPERATION_BY_NAME } from './operations/index.ts';
import type { CaseResult } from './run-case.ts';
import { type Scenario, type Step, TWINS } from './scenario.ts';
import type { Setting } from './setting.ts';

/** Version of the file format; a file of another version is refused. */
export const CASE_VERSION = 2;

/** A counterexample as it is stored. */
export interface CounterexampleFile {
  readonly version: number;
  readonly variant: string;
  readonly seed: number;
  readonly machine: string;
  readonly property: string;
  readonly message: string;
  readonly twin: Scenario['twin'];
  readonly setting: Setting;
  readonly steps: readonly Step[];
  readonly schedule: readonly number[];
}

/** A file that cannot be used; the message is one sentence for the user. */
export class CounterexampleError extends Error {
  override readonly name = 'CounterexampleError';
}

/** The scenario in a file: all of it but what was found. */
export function scenarioOf({ version, machine, property, message, ...scenario }: CounterexampleFile): Scenario {
  return scenario;
}

/** Writes a counterexample into `folder` under a name that is not taken, and returns the path. */
export function store(folder: string, result: CaseResult, machine: string): string {
  const { variant } = result.scenario;
  const stem = `${variant}-${result.violations[0]!.property.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`;
  for (let number = 1; ; number++) {
    const path = join(folder, `${stem}-${number}.json`);
    if (storeAs(path, result, machine)) return path;
  }
}

/** Writes a counterexample to `path`; false: there is a file already, which stays as it is. */
export function storeAs(path: string, result: CaseResult, machine: string): boolean {
  const { scenario } = result;
  const violation = result.violations[0]!;
  const file: CounterexampleFile = {
    version: CASE_VERSION,
    variant: scenario.variant,
    seed: scenario.seed,
    machine,
    property: violation.property,
    message: violation.message,
    twin: scenario.twin,
    setting: scenario.setting,
    steps: scenario.steps,
    schedule: scenario.schedule,
  };
  return writeNew(path, `${JSON.stringify(file, undefined, 1)}\n`);
}

/** Writes a file that does not exist yet, and the folders to it; false: it exists. Nothing is ever written over. */
export function writeNew(path: string, text: string): boolean {
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Reads and checks a counterexample file. */
export function load(path: string): CounterexampleFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new CounterexampleError(`${path} cannot be read.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CounterexampleError(`${path} is not a counterexample: it is not valid JSON.`);
  }
  const file = value as Partial<CounterexampleFile> | null;
  if (typeof file !== 'object' || file === null || typeof file.version !== 'number')
    throw new CounterexampleError(`${path} is not a counterexample: it has no version.`);
  if (file.version !== CASE_VERSION)
    throw new CounterexampleError(`${path} is of version ${file.version}; this program reads version ${CASE_VERSION}.`);
  const fault = firstFault(file);
  if (fault !== undefined) throw new CounterexampleError(`${path} is corrupt: ${fault}.`);
  return file as CounterexampleFile;
}

function firstFault(file: Partial<CounterexampleFile>): string | undefined {
  for (const name of ['variant', 'machine', 'property', 'message'] as const)
    if (typeof file[name] !== 'string') return `${name} is missing`;
  if (!Number.isInteger(file.seed)) return 'seed is missing';
  if (!TWINS.includes(file.twin!)) return `twin is none of ${TWINS.join(', ')}`;
  const { setting } = file;
  if (typeof setting !== 'object' || setting === null || !Object.values(setting).every(Number.isInteger))
    return 'the setting is no list of numbers by name';
  if (!Array.isArray(file.steps) || !Array.isArray(file.schedule)) return 'steps or schedule is missing';
  if (!file.schedule.every((turns) => Number.isInteger(turns) && turns >= 0)) return 'the schedule holds no counts';
  const bad = file.steps.findIndex((step) => !isStep(step));
  return bad < 0 ? undefined : `step ${bad + 1} is none that this program knows`;
}

function isStep(step: unknown): step is Step {
  const s = step as Partial<Step> | null;
  if (typeof s !== 'object' || s === null || !['A', 'B', 'H'].includes(s.by ?? '')) return false;
  if (typeof s.op !== 'string' || (s.by === 'H' ? s.op !== 'look' : !OPERATION_BY_NAME.has(s.op))) return false;
  if (typeof s.args !== 'object' || s.args === null) return false;
  const wanted = s.by === 'H' ? ['what'] : OPERATION_BY_NAME.get(s.op)!.args;
  const { args } = s;
  return wanted.every((name) => Number.isFinite((args as Record<string, unknown>)[name]));
}
