/** Campaigns on threads and in parts: the same campaign, whoever runs it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { LENGTH } from '../../src/lab/segments.ts';
import { cli, cliBatch, folderWith, type Run } from './cli.ts';

interface Report {
  readonly seconds: number;
  readonly casesPerSecond: number;
  readonly cases: number;
  readonly properties: readonly { readonly name: string; readonly verdict: string; readonly counterexample?: string }[];
  readonly part: { readonly failure?: unknown };
  readonly failures: readonly { readonly part: number; readonly case: number; readonly property: string }[];
  readonly faults: readonly { readonly part: number }[];
}
const parsed = ({ out }: Run): Report => JSON.parse(out) as Report;
const timeless = (report: Report): unknown => ({ ...report, seconds: 0, casesPerSecond: 0 });

const folder = folderWith({})('.');
const CASES = String(3 * LENGTH);
const part = (name: string): string => join(folder, `${name}.json`);
/** Runs a part, and keeps what it prints. */
async function keepPart(name: string, args: readonly string[], before?: string): Promise<Run> {
  const run = await cli(['check', ...args, '--json'], before === undefined ? {} : { before });
  writeFileSync(part(name), run.out);
  return run;
}

let whole: Run;
let threads: Run;
beforeAll(async () => {
  const campaign = ['sample', '--seed', '5', '--cases', CASES];
  [whole, threads] = await Promise.all([
    cli(['check', ...campaign, '--json']),
    cli(['check', ...campaign, '--json', '--workers', '2']),
  ]);
  for (const number of [1, 2]) await keepPart(`held-${number}`, [...campaign, '--shard', `${number}/2`]);
  await keepPart('of-three', [...campaign, '--shard', '1/3']);
  await keepPart('other-seed', ['sample', '--seed', '6', '--cases', CASES, '--shard', '2/2']);
  await keepPart('other-cases', ['sample', '--seed', '5', '--cases', '9', '--shard', '2/2']);
  await keepPart('other-variant', ['mtty', '--seed', '5', '--cases', '9', '--shard', '2/2']);
  const report = JSON.parse(readFileSync(part('held-2'), 'utf8')) as { part: object };
  writeFileSync(part('other-version'), JSON.stringify({ ...report, part: { ...report.part, program: '9.9.9' } }));
}, 240_000);

describe('workers', () => {
  test('run the cases that one thread runs, with the same result', () => {
    expect({ code: threads.code, err: threads.err }).toEqual({ code: 0, err: '' });
    expect(timeless(parsed(threads))).toEqual(timeless(parsed(whole)));
  });

  test('report the failure of the lowest case, whoever is first', async () => {
    const run = (workers: string, name: string): Promise<Run> =>
      cli(
        [
          'check',
          'mlx5',
          '--seed',
          '7',
          '--cases',
          '2000',
          '--workers',
          workers,
          '--out',
          join(folder, name),
          '--json',
        ],
        {
          before: 'plant-violation.ts',
        },
      );
    const [one, two] = await Promise.all([run('1', 'one'), run('2', 'two')]);
    expect([one.code, two.code]).toEqual([1, 1]);
    const [a, b] = ['one', 'two'].map((name) => {
      const [file] = readdirSync(join(folder, name));
      return readFileSync(join(folder, name, file!), 'utf8');
    });
    expect(a).toBe(b);
  }, 120_000);

  test('that meet a fault make it a fault of the campaign', async () => {
    const args = ['check', 'mlx5', '--seed', '7', '--cases', '2000', '--workers', '2', '--json'];
    const run = await cli(args, { before: 'plant-fault.ts' });
    expect(run.code).toBe(3);
    expect(new Set(parsed(run).properties.map(({ verdict }) => verdict))).toEqual(new Set(['fault']));
  }, 120_000);

  test('end when the time is over', async () => {
    const run = await cli(['check', 'mtty', '--seed', '1', '--time', '2s', '--workers', '2', '--json']);
    expect(run.code).toBe(0);
    expect(parsed(run).seconds).toBeLessThan(20);
  }, 120_000);
});

describe('merge', () => {
  test('gives of the parts what the whole campaign gives', async () => {
    const merged = await cli(['merge', part('held-2'), part('held-1'), '--json']);
    expect({ code: merged.code, err: merged.err }).toEqual({ code: 0, err: '' });
    expect(timeless(parsed(merged))).toEqual({ ...(timeless(parsed(whole)) as object), parts: 2, failures: [] });
  }, 60_000);

  test('refuses what is not one campaign, whole and once, in a sentence that says why', async () => {
    const one = part('held-1');
    const runs = await cliBatch({
      missing: ['merge', one],
      double: ['merge', one, part('held-2'), one],
      'the seed': ['merge', one, part('other-seed')],
      'the number of cases': ['merge', one, part('other-cases')],
      'the variant': ['merge', one, part('other-variant')],
      'the version': ['merge', one, part('other-version')],
      'the number of parts': ['merge', one, part('of-three')],
      'another seed was meant': ['merge', one, part('held-2'), '--seed', '8'],
    });
    for (const { code, out, err } of Object.values(runs)) {
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(/^[^\n]{10,400}\n$/);
    }
    expect(runs.missing.err).toBe('Part 2 of 2 is missing.\n');
    expect(runs.double.err).toContain('both part 1 of 2');
    for (const what of [
      'the seed',
      'the number of cases',
      'the variant',
      'the version',
      'the number of parts',
    ] as const)
      expect(runs[what].err).toContain(`${what} `);
  }, 60_000);

  test('shows the failure of a part, keeps its counterexample, and ends with 1', async () => {
    const campaign = ['mlx5', '--seed', '7', '--cases', '600', '--out', join(folder, 'elsewhere')];
    const found = await keepPart('found-1', [...campaign, '--shard', '1/2'], 'plant-violation.ts');
    expect(found.code).toBe(1);
    await keepPart('found-2', [...campaign, '--shard', '2/2']);
    const out = join(folder, 'kept');
    const args = ['merge', part('found-1'), part('found-2')];
    const { json, text } = await cliBatch({ json: [...args, '--json', '--out', out], text: args });
    expect([json.code, text.code]).toEqual([1, 1]);
    const { failures, properties } = parsed(json);
    expect(failures).toEqual([expect.objectContaining({ part: 1, property: 'reset and liveness' })]);
    expect(properties.filter(({ verdict }) => verdict === 'violated').map(({ name }) => name)).toEqual([
      'reset and liveness',
    ]);
    expect(text.out).toMatch(/^reset and liveness: .* \(part 1, case [0-9]+, shrunk\)\n( {2}|> ) 1 {2}[ABH] /m);
    const replayed = await cli(['replay', join(out, readdirSync(out)[0]!)], { before: 'plant-violation.ts' });
    expect(replayed.code).toBe(1);
  }, 120_000);

  test('ends with 3 if a part met a fault', async () => {
    const campaign = ['mlx5', '--seed', '7', '--cases', '300'];
    await keepPart('fault-1', [...campaign, '--shard', '1/2'], 'plant-fault.ts');
    await keepPart('fault-2', [...campaign, '--shard', '2/2']);
    const run = await cli(['merge', part('fault-1'), part('fault-2'), '--json']);
    expect(run.code).toBe(3);
    expect(parsed(run).faults).toEqual([expect.objectContaining({ part: 1 })]);
  }, 120_000);
});

describe('bytes that a fuzzing engine found', () => {
  test('are replayed, and made a counterexample of', async () => {
    const planted = { before: 'plant-violation.ts' };
    const check = ['check', 'mlx5', '--seed', '7', '--cases', '20', '--out', join(folder, 'bytes'), '--json'];
    const { counterexample } = parsed(await cli(check, planted)).properties.find((line) => line.counterexample)!;
    const [{ encode }, { subjectNamed }] = await Promise.all([
      import('../../src/lab/corpus/encode.ts'),
      import('../../src/lab/subject.ts'),
    ]);
    const bytes = encode(JSON.parse(readFileSync(counterexample!, 'utf8')), subjectNamed('mlx5')!);
    const [bin, crash] = [join(folder, 'found.bin'), join(folder, 'crash-0123')];
    for (const path of [bin, crash]) writeFileSync(path, bytes);
    const again = await cli(['replay', bin], planted);
    expect({ code: again.code, err: again.err }).toEqual({ code: 1, err: '' });
    expect(again.out).toContain('reset and liveness');
    const stored = await cli(['replay', crash, '--variant', 'mlx5', '--out', join(folder, 'again'), '--json'], planted);
    expect(stored.code).toBe(1);
    const report = JSON.parse(stored.out) as { verdict: string; counterexample: string };
    expect(report.verdict).toBe('violated');
    expect((await cli(['replay', report.counterexample], planted)).code).toBe(1);
    expect((await cli(['replay', bin])).code).toBe(0);
  }, 120_000);
});
