import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROPERTIES } from '../../src/lab/properties/index.ts';
import { cli, folderWith, type Run } from './cli.ts';

interface Property {
  name: string;
  verdict: string;
  cases: number;
  counterexample?: string;
}
interface Report {
  seconds: number;
  casesPerSecond: number;
  properties: Property[];
}
const parsed = ({ out }: Run): Report => JSON.parse(out) as Report;
const CASES = ['--cases', '50'];

let held: Run;
let again: Run;
let plain: Run;
beforeAll(async () => {
  const json = ['check', 'mlx5', '--seed', '7', ...CASES, '--json'];
  [held, again] = await Promise.all([cli(json), cli(json)]);
  plain = await cli(['check', 'mlx5', '--seed', '7', '--cases', '4']);
}, 120_000);

describe('a campaign that finds nothing', () => {
  test('prints exactly one JSON object, of the documented shape, and ends with 0', () => {
    expect({ code: held.code, err: held.err }).toEqual({ code: 0, err: '' });
    expect(held.out).toMatch(/^\{[^\n]*\}\n$/);
    expect(parsed(held)).toEqual({
      variant: 'mlx5',
      seed: 7,
      seconds: expect.any(Number),
      cases: 50,
      casesPerSecond: expect.any(Number),
      steps: expect.any(Number),
      calls: expect.any(Number),
      errorShare: expect.any(Number),
      arcs: { covered: expect.any(Number), legal: 15 },
      coverage: {
        met: expect.any(Number),
        heat: expect.any(Array),
        places: expect.arrayContaining(['closed', 'PRE_COPY', 'not known']),
        arcsNeverTaken: expect.any(Array),
        errnosNeverSeen: expect.any(Array),
      },
      properties: PROPERTIES.map(({ name }) => ({ name, verdict: 'held', cases: 50 })),
    });
  });

  test('the same seed gives the same result, time aside', () => {
    const [a, b] = [held, again].map((run) => ({ ...parsed(run), seconds: 0, casesPerSecond: 0 }));
    expect(a).toEqual(b);
  });

  test('for people it has a line for each property, and the seed', () => {
    expect(plain).toMatchObject({ code: 0, err: '' });
    for (const { name } of PROPERTIES) expect(plain.out).toMatch(new RegExp(`^held +${name} +[0-9]+ cases$`, 'm'));
    expect(plain.out).toMatch(/[0-9]+ calls, [0-9]+ % errors, arcs [0-9]+ of 15, seed 7$/m);
  });
});

describe('a variant without DMA and without a parent', () => {
  let json: Run;
  let text: Run;
  beforeAll(async () => {
    const args = ['check', 'mtty', '--seed', '7', ...CASES];
    [json, text] = await Promise.all([cli([...args, '--json']), cli(args)]);
  }, 120_000);

  test('is told with a reason which properties do not apply, and the others hold', () => {
    expect({ code: json.code, err: json.err }).toEqual({ code: 0, err: '' });
    const about = ['DMA confinement', 'parent-interaction scope', 'dirty-tracking soundness'];
    for (const property of parsed(json).properties)
      if (about.includes(property.name))
        expect(property).toEqual({ name: property.name, verdict: 'does not apply', reason: expect.any(String) });
      else expect(property).toEqual({ name: property.name, verdict: 'held', cases: expect.any(Number) });
  });

  test('in words too', () => {
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/^- +DMA confinement +does not apply: the device does no DMA$/m);
    expect(text.out).not.toMatch(/held +DMA confinement/);
  });
});

describe('a campaign that finds a violation', () => {
  const folder = folderWith({})('found');
  let found: Run;
  let replayed: Run;
  let cured: Run;
  let bad: Property;
  beforeAll(async () => {
    const planted = { before: 'plant-violation.ts' };
    const args = ['check', 'mlx5', '--seed', '7', '--cases', '20', '--json'];
    found = await cli([...args, '--out', folder], planted);
    bad = parsed(found).properties.find(({ verdict }) => verdict === 'violated')!;
    const replay = ['replay', bad.counterexample!];
    [replayed, cured] = await Promise.all([cli(replay, planted), cli([...replay, '--json'])]);
  }, 120_000);

  test('says which property, stores the counterexample, and ends with 1', () => {
    expect({ code: found.code, err: found.err }).toEqual({ code: 1, err: '' });
    expect(found.out).toMatch(/^\{[^\n]*\}\n$/);
    expect(bad).toEqual({
      name: 'reset and liveness',
      verdict: 'violated',
      cases: expect.any(Number),
      counterexample: expect.stringContaining(folder),
    });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('the counterexample shows it again, with the step it shows at, and ends with 1', () => {
    expect({ code: replayed.code, err: replayed.err }).toEqual({ code: 1, err: '' });
    expect(replayed.out).toContain('violated reset and liveness');
    expect(replayed.out).toMatch(/^> +[0-9]+ {2}[ABH] {2}/m);
  });

  test('where the defect is not, it holds, and ends with 0', () => {
    expect({ code: cured.code, err: cured.err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(cured.out)).toEqual({ file: bad.counterexample, property: bad.name, verdict: 'held' });
  });
});

test('a folder that cannot be written costs the file and not the verdict', async () => {
  const args = ['check', 'mlx5', '--seed', '7', '--cases', '20', '--out', '/dev/null/here', '--json'];
  const run = await cli(args, { before: 'plant-violation.ts' });
  expect(run.code).toBe(1);
  expect(run.err).toMatch(/^\/dev\/null\/here cannot be written [^\n]*\n$/);
  expect(parsed(run).properties.map(({ verdict }) => verdict)).toContain('violated');
}, 60_000);

test('a fault of the emulator is neither held nor violated, and ends with 3', async () => {
  const run = await cli(['check', 'mlx5', '--seed', '7', '--cases', '50', '--json'], { before: 'plant-fault.ts' });
  expect(run.code).toBe(3);
  expect(new Set(parsed(run).properties.map(({ verdict }) => verdict))).toEqual(new Set(['fault']));
}, 60_000);
