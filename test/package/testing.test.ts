/** Somebody installs the packed vfiolab, and checks a variant of theirs in tests of theirs: docs/testing-your-variant.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project } from './project.ts';

const PAGE = readFileSync('docs/testing-your-variant.md', 'utf8');
const FILES = Object.fromEntries(
  [...PAGE.matchAll(/^```ts (\S+\.ts)\n(.*?)^```$/gms)].map(([, name, code]) => [name!, code!]),
);
const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
  },
  include: ['*.ts'],
});
/** The same suite, over a driver whose decoder has forgotten one check. */
const PLANTED = `
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkVariant, describeVariant, replay, ViolationError } from 'vfiolab/testing';
import { SAFEGUARDS } from './driver.js';
import { subject } from './subject.js';

const { holds } = SAFEGUARDS.POSITION;
beforeAll(() => {
  SAFEGUARDS.POSITION.holds = () => true;
});
afterAll(() => {
  SAFEGUARDS.POSITION.holds = holds;
});

describeVariant({ describe, test }, subject, { cases: 3000 });

test('is stored, and played again', () => {
  let thrown: unknown;
  try {
    checkVariant(subject, { cases: 3000, store: 'found' });
  } catch (error) {
    thrown = error;
  }
  const { property, message, scenario } = thrown as ViolationError;
  expect(thrown).toBeInstanceOf(ViolationError);
  expect(property).toBe('stream robustness');
  expect(scenario.steps.length).toBeLessThan(4);
  const path = /replay\\(subject, "(.*)"\\)/.exec(message)![1]!;
  expect(JSON.parse(readFileSync(path, 'utf8')).variant).toBe('dial');
  expect(() => replay(subject, path)).toThrow(message);
  SAFEGUARDS.POSITION.holds = holds;
  replay(subject, path);
});
`;
/** A mistake that is nobody's variant: the profile throws. */
const BROKEN = `
import { expect, test } from 'vitest';
import { checkVariant, EmulatorFaultError, functionSubject } from 'vfiolab/testing';
import { machine, models } from './dial.js';
import { dial } from './driver.js';

const functions = ['0000:01:00.0', '0000:02:00.0'] as const;
test('a profile that fails is no violation', () => {
  const host = (): Uint8Array => {
    throw new Error('the profile is unfinished');
  };
  const subject = functionSubject({ variant: dial, machine, models, functions, host });
  expect(() => checkVariant(subject)).toThrow(EmulatorFaultError);
  expect(() => checkVariant(subject)).toThrow('the profile is unfinished');
});
`;

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

let project: Project;
beforeAll(() => {
  project = new Project({
    ...FILES,
    'tsconfig.json': TSCONFIG,
    'planted.test.ts': PLANTED,
    'broken.test.ts': BROKEN,
  });
}, 240_000);
afterAll(() => project?.remove());

function vitest(file: string): { failed: readonly string[]; passed: readonly string[]; messages: string } {
  const { out } = project.run('vitest/vitest.mjs', 'run', file, '--reporter=json', '--outputFile=report.json');
  const report = JSON.parse(readFileSync(`${project.folder}/report.json`, 'utf8')) as Report;
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(results.length, out).toBeGreaterThan(0);
  const titles = (status: string) => results.filter((each) => each.status === status).map(({ title }) => title);
  const messages = results.flatMap(({ failureMessages }) => failureMessages).join('\n');
  return { failed: titles('failed'), passed: titles('passed'), messages };
}

test('the tarball has what is compiled and the pages, and no tests', () => {
  expect(project.packed).toContain('dist/src/testing/index.js');
  expect(project.packed).toContain('dist/src/testing/index.d.ts');
  expect(project.packed).toContain('dist/src/cli/main.js');
  expect(project.packed).toContain('docs/testing-your-variant.md');
  expect(project.packed.filter((path) => /(^|\/)test\/|\.test\.|\.tsbuildinfo$|^src\//.test(path))).toEqual([]);
});

test('every export of the package can be imported, and has types', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, object> };
  const rooms = Object.keys(exports).map((name) => name.replace(/^\./, 'vfiolab'));
  project.write('rooms.ts', rooms.map((room, i) => `export * as room${i} from '${room}';\n`).join(''));
  project.write('rooms.mjs', rooms.map((room) => `await import('${room}');\n`).join(''));
  expect(project.run(join(project.folder, 'rooms.mjs'))).toMatchObject({ code: 0 });
});

test('the files of the page compile, against the types in the tarball', () => {
  expect(Object.keys(FILES)).toEqual(['dial.ts', 'driver.ts', 'subject.ts', 'dial.test.ts']);
  expect(project.run('typescript/bin/tsc', '-p', '.')).toEqual({ code: 0, out: '' });
}, 120_000);

test('a good variant passes its suite', () => {
  const { failed, passed, messages } = vitest('dial.test.ts');
  expect(failed, messages).toEqual([]);
  expect(passed).toContain('stream robustness');
  expect(passed).toContain('noninterference');
  expect(passed).not.toContain('dirty-tracking soundness');
}, 120_000);

test('a variant with a mistake fails the test of the property that it violates, and that one only', () => {
  const { failed, passed, messages } = vitest('planted.test.ts');
  expect(failed, messages).toEqual(['stream robustness']);
  expect(passed).toContain('is stored, and played again');
  const [said] = [...PAGE.matchAll(/^```text\n(.*?)^```$/gms)].map(([, text]) => text!.trim());
  expect(messages).toContain('ViolationError');
  expect(messages).toMatch(/^> +\d+ {2}A {2}[a-z_]+/m);
  expect(messages).toMatch(/^Again: checkVariant\(subject, \{ seed: 1, cases: \d+ \}\)$/m);
  expect(messages).toContain(said);
}, 120_000);

test('what the emulator or a profile does wrong is told apart', () => {
  const { failed, messages } = vitest('broken.test.ts');
  expect(failed, messages).toEqual([]);
}, 120_000);
