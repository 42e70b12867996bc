/** What `record` writes of a golden script is, byte for byte, what the kernel's recorder wrote where `play` finds no difference. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { machineForPlay } from '../src/cli/machine-option.ts';
import { findScripts, loadTrace, playTrace, recordScript, type Step } from '../src/trace/index.ts';

/**
 * Values that the emulator cannot know, by script: the registers of real devices, which change by themselves, and the
 * address and data that the host's kernel chose for its own MSI. Nothing else may differ.
 */
const UNKNOWABLE: Readonly<Record<string, RegExp>> = {
  'a3-cfg-behave-edu': /^pread raw 0x40 /,
  'a3-cfg-behave-nvmepf': /^(pread dev|peek) /,
  'b-info-igbpf': /^pread dev r[0-5]/,
  'b-info-igbvf': /^pread dev r[0-5]/,
  'b-info-nvmepf': /^pread dev r[0-5]/,
  'f-cdev-nvmepf': /^pread dev r0 /,
  'd-feature-nvmepf': /^(pread dev r[0-5]|peek) /,
};

/** The recording without the bytes that are unknowable: their number and everything beside them stay. */
function withoutValues(line: string): string {
  return line.replace(/"(data|value)":"[^"]*"/, (_, field: string) => `"${field}":…`);
}

/** The answers of a recording by the line of the script, as they are written. */
function answersIn(recording: string): Map<number, string> {
  const answers = recording.split(/\n(?=\{|$)/).filter((text) => text !== '');
  return new Map(answers.map((text) => [Number(/^\{"n":(\d+)/.exec(text)![1]), text]));
}

function expectSame(golden: string, recorded: string, { steps, different, unknowable }: Compared): void {
  const [theirs, ours] = [answersIn(golden), answersIn(recorded)];
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const { line, source } of steps) {
    const [their, our] = [theirs.get(line)!, ours.get(line)!];
    if (our === their || different.has(line)) continue;
    if (!unknowable?.test(source)) expect(our).toBe(their);
    expect(withoutValues(our)).toBe(withoutValues(their));
  }
  expect([recorded.at(-1), golden.at(-1)]).toEqual(['\n', '\n']);
}

interface Compared {
  readonly steps: readonly Step[];
  /** Lines at which `play` finds a difference. */
  readonly different: ReadonlySet<number>;
  readonly unknowable: RegExp | undefined;
}

describe.each([
  ['kernel-traces', 'recorded'],
  ['kernel-traces-no-link-active', 'recorded-no-link-active'],
])('%s', (folder, machine) => {
  test.each(findScripts([join(import.meta.dirname, 'golden', folder)]).map((path) => [basename(path, '.vs'), path]))(
    '%s',
    (name, path) => {
      const trace = loadTrace(path);
      const { differences } = playTrace(trace, () => machineForPlay(machine));
      const golden = readFileSync(path.replace(/vs$/, 'jsonl'), 'utf8');
      expectSame(golden, recordScript(trace.steps, machineForPlay(machine)), {
        steps: trace.steps,
        different: new Set(differences.map(({ n }) => n)),
        unknowable: UNKNOWABLE[name],
      });
    },
  );
});
