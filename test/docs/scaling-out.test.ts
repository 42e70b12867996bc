/** The files to copy in docs/scaling-out: they are run, in small. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../cli/cli.ts';

const FILES = join(ROOT, 'docs/scaling-out');
const text = (name: string): string => readFileSync(join(FILES, name), 'utf8');

/** A project that has the package installed: its sources stand in for what would be built from them. */
const project = mkdtempSync(join(tmpdir(), 'vfiolab-scaling-'));
const imports = `--import ${ROOT}/node_modules/tsx/dist/loader.mjs`;
beforeAll(() => {
  const installed = join(project, 'node_modules/vfiolab');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), '{"name":"vfiolab","type":"module","exports":{"./fuzz":"./fuzz.js"}}');
  writeFileSync(join(installed, 'fuzz.js'), `export * from '${join(ROOT, 'src/lab/fuzz.ts')}';\n`);
  const vfiolab = `exec "${process.execPath}" ${imports} ${ROOT}/src/cli/main.ts "$@"`;
  writeFileSync(join(project, 'npx'), `#!/bin/sh\ntest "$1" = vfiolab || exit 9\nshift\n${vfiolab}\n`);
  chmodSync(join(project, 'npx'), 0o755);
  for (const name of readdirSync(FILES)) writeFileSync(join(project, name), text(name));
});
afterAll(() => rmSync(project, { recursive: true }));

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(command: readonly string[], variables: Readonly<Record<string, string>> = {}): Run {
  const env = { ...process.env, PATH: `${project}:${process.env['PATH']}`, ...variables };
  const { status, stdout, stderr } = spawnSync(command[0]!, command.slice(1), { cwd: project, env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

test('the shell script runs all parts, and ends as their joint result does', () => {
  const run1 = run(['sh', 'campaign.sh', 'sample'], { PARTS: '2', CASES: '60', SEED: '3' });
  expect({ code: run1.code, err: run1.err }).toEqual({ code: 0, err: '' });
  expect(run1.out).toMatch(/^sample: 60 cases in 2 parts, .*, seed 3$/m);
}, 120_000);

interface Workflow {
  readonly jobs: Readonly<
    Record<
      'part' | 'merge',
      {
        readonly needs?: string;
        readonly strategy?: { readonly 'fail-fast': boolean; readonly matrix: { readonly part: readonly number[] } };
        readonly env?: Readonly<Record<string, unknown>>;
        readonly steps: readonly { readonly run?: string; readonly uses?: string }[];
      }
    >
  >;
}

describe('the workflow', () => {
  const { jobs } = parse(text('campaign.yml')) as Workflow;
  const scripts = (job: 'part' | 'merge'): string[] =>
    jobs[job].steps.flatMap(({ run: script }) => (script?.includes('vfiolab') ? [script] : []));

  test('has a job for each part, from 1 on, and one that joins them all', () => {
    const { strategy, env } = jobs.part;
    expect(strategy!.matrix.part).toEqual(strategy!.matrix.part.map((_, index) => index + 1));
    expect(strategy!['fail-fast']).toBe(false);
    expect([env!['PART'], env!['PARTS']].join()).toMatch(/matrix\.part .*strategy\.job-total /);
    expect(jobs.merge.needs).toBe('part');
  });

  test('runs commands that fit each other', () => {
    const [script] = scripts('part');
    mkdirSync(join(project, 'parts'));
    for (const part of ['1', '2']) {
      const variables = { PART: part, PARTS: '2', SEED: '4', CASES: '30', WORKERS: '1' };
      const { code, err } = run(['sh', '-e', '-c', `cd parts && ${script}`], variables);
      expect({ code, err }).toEqual({ code: 0, err: '' });
    }
    const joined = run(['sh', '-e', '-c', scripts('merge')[0]!]);
    expect({ code: joined.code, err: joined.err }).toEqual({ code: 0, err: '' });
    expect(joined.out).toMatch(/^mlx5: 30 cases in 2 parts, .*, seed 4$/m);
  }, 120_000);
});

interface Job {
  readonly spec: {
    readonly completionMode: string;
    readonly completions: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly env: readonly { readonly name: string; readonly value: string }[];
          readonly command: readonly string[];
          readonly args: readonly string[];
        }[];
      };
    };
  };
}

describe('the Indexed Job', () => {
  const { spec } = parse(text('indexed-job.yaml')) as Job;
  const { env, command, args } = spec.template.spec.containers[0]!;

  test('has as many parts as indices', () => {
    expect(spec.completionMode).toBe('Indexed');
    expect(env.find(({ name }) => name === 'PARTS')!.value).toBe(String(spec.completions));
  });

  test('prints the part of its index, and nothing else', () => {
    const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    const small = { PARTS: '3', CASES: '30', WORKERS: '2', JOB_COMPLETION_INDEX: '2', ERRORS: join(project, 'errors') };
    const { code, out } = run([...command, ...args], { ...given, ...small });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ variant: 'mlx5', seed: 1, part: { number: 3, of: 3, asked: 30 } });
    expect(readFileSync(join(project, 'errors'), 'utf8')).toBe('');
  }, 120_000);
});

describe('the harness for engines', () => {
  test('has a function fuzz, which takes what the corpus begins with', () => {
    const program = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { fuzz } from './fuzz-target.mjs';
      const files = readdirSync('corpus');
      for (const file of files) fuzz(readFileSync('corpus/' + file));
      console.log(files.length);`;
    writeFileSync(join(project, 'drive.mjs'), program);
    const node = ['--import', `${ROOT}/node_modules/tsx/dist/loader.mjs`];
    expect(run([process.execPath, ...node, 'seed-corpus.mjs', 'corpus', 'sample', '5'])).toMatchObject({
      code: 0,
      err: '',
    });
    const driven = run([process.execPath, ...node, 'drive.mjs'], { VFIOLAB_VARIANT: 'sample' });
    expect(driven).toEqual({ code: 0, out: '5\n', err: '' });
  }, 60_000);
});
