/** What becomes of a counterexample: shown, replayed, shrunk, kept, and run first the next time. */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cli, folderWith, type Run } from './cli.ts';

const PLANTED = { before: 'plant-violation.ts' };

/** A device that was reset while it was stopped, with calls that have nothing to do with it. */
const step = (op: string, args = {}, by = 'A') => ({ by, op, args });
const long = {
  version: 2,
  variant: 'mlx5',
  seed: 1,
  machine: 'mlx5',
  property: 'reset and liveness',
  message: 'after a reset the device is in STOP',
  twin: 'integrity',
  setting: {},
  steps: [step('events'), step('set_state', { state: 1 }), step('look', { what: 0 }, 'H'), step('reset')],
  schedule: [0, 0, 0, 0],
};
const file = folderWith({
  'long.json': JSON.stringify(long),
  'corrupt.json': '{ "version": 2, ',
  'mtty.json': JSON.stringify({ ...long, variant: 'mtty' }),
});
const PATH = file('long.json');

describe('show', () => {
  let shown: Run;
  let json: Run;
  let cured: Run;
  beforeAll(async () => {
    [shown, json, cured] = await Promise.all([
      cli(['show', PATH], PLANTED),
      cli(['show', PATH, '--json'], PLANTED),
      cli(['show', PATH]),
    ]);
  }, 60_000);

  test('draws who asks whom for what, marks where the promise breaks, and does not judge', () => {
    expect({ code: shown.code, err: shown.err }).toEqual({ code: 0, err: '' });
    expect(shown.out).toMatch(/^ +A +VFIO +variant +parent +device +B$/m);
    expect(shown.out).toMatch(/ ioctl DEVICE_RESET$/m);
    expect(shown.out).toMatch(/ suspend\(vhcaId: 0x20, opMod: 0\) = 0$/m);
    expect(shown.out).toMatch(/^> +4 {2}A {2}reset$/m);
    expect(shown.out).toContain('violated reset and liveness: after a reset the device is in STOP');
    expect(shown.out).toContain('The rule: Every call returns');
  });

  test('has no escape sequences in a pipe', () => {
    expect(shown.out).not.toContain('\x1b');
  });

  test('gives the same as one JSON object', () => {
    expect({ code: json.code, err: json.err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(json.out)).toMatchObject({
      file: PATH,
      variant: 'mlx5',
      property: 'reset and liveness',
      verdict: 'violated',
      step: 3,
      lanes: ['A', 'VFIO', 'variant', 'parent', 'device', 'B'],
      events: expect.arrayContaining([
        expect.objectContaining({ step: 3, from: 'A', to: 'VFIO', text: 'ioctl DEVICE_RESET' }),
      ]),
    });
  });

  test('where the defect is not, says that nothing breaks now, and what did then', () => {
    expect({ code: cured.code, err: cured.err }).toEqual({ code: 0, err: '' });
    expect(cured.out).toContain('Nothing breaks now. What was found then: after a reset the device is in STOP');
  });
});

describe('replay', () => {
  test('takes several files; the worst of them counts, and one that is bad does not stop the others', async () => {
    const run = await cli(['replay', PATH, file('missing.json'), PATH, '--json'], PLANTED);
    expect(run.code).toBe(2);
    expect(run.err).toMatch(/^[^\n]*missing\.json cannot be read\.\n$/);
    const verdicts = run.out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { verdict: string }).verdict);
    expect(verdicts).toEqual(['violated', 'violated']);
  }, 60_000);

  test('draws what still breaks', async () => {
    const run = await cli(['replay', PATH], PLANTED);
    expect(run.code).toBe(1);
    expect(run.out).toMatch(/^> +4 {2}A {2}reset$/m);
  }, 60_000);
});

describe('shrink', () => {
  test('writes a smaller one into a new file, and leaves the old one as it was', async () => {
    const out = file('small.json');
    const run = await cli(['shrink', PATH, '--out', out], PLANTED);
    expect({ code: run.code, err: run.err }).toEqual({ code: 0, err: '' });
    expect(run.out).toContain(`4 steps became 2: ${out}`);
    expect(run.out).toContain(`replay ${out}`);
    expect(readFileSync(PATH, 'utf8')).toBe(JSON.stringify(long));
    const small = JSON.parse(readFileSync(out, 'utf8')) as typeof long;
    expect(small.steps.map(({ op }) => op)).toEqual(['set_state', 'reset']);
    expect(small.property).toBe(long.property);
    const again = await cli(['shrink', out, '--json'], PLANTED);
    expect({ code: again.code, err: again.err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(again.out)).toEqual({ file: out, property: 'reset and liveness', before: 2, after: 2 });
  }, 60_000);
});

describe('a folder of earlier counterexamples', () => {
  const folder = file('kept');
  const CHECK = ['check', 'mlx5', '--seed', '7', '--cases', '20', '--out', folder];
  let before: string[];
  let failing: Run;
  let json: Run;
  let after: string[];
  let cured: Run;
  const contents = () => readdirSync(folder).map((name) => `${name} ${readFileSync(join(folder, name), 'utf8')}`);
  beforeAll(async () => {
    mkdirSync(folder);
    for (const name of ['long.json', 'corrupt.json', 'mtty.json']) cpSync(file(name), join(folder, name));
    before = contents();
    failing = await cli(CHECK, PLANTED);
    after = contents();
    json = await cli([...CHECK, '--json'], PLANTED);
    cured = await cli(CHECK);
  }, 120_000);

  test('is run before anything new: what still fails is said, and the check has failed', () => {
    expect(failing.code).toBe(1);
    const line = `stored counterexample ${join(folder, 'long.json')} still fails: reset and liveness: after a reset the device is in STOP`;
    expect(failing.out.split('\n')[0]).toBe(line);
    expect(failing.out).toContain(`show ${join(folder, 'long.json')}`);
  });

  test('is told as part of the JSON object', () => {
    expect(json.code).toBe(1);
    const { stored } = JSON.parse(json.out) as { stored: { file: string; verdict: string }[] };
    expect(stored.find(({ file: name }) => name.endsWith('long.json'))).toMatchObject({ verdict: 'violated' });
    expect(stored.find(({ file: name }) => name.endsWith('corrupt.json'))).toMatchObject({ verdict: 'unreadable' });
  });

  test('a file that cannot be read is one sentence, costs nothing, and is left alone', () => {
    expect(failing.err).toMatch(/^[^\n]*corrupt\.json is not a counterexample[^\n]*left alone\.\n$/);
    expect({ code: cured.code, err: cured.err }).toEqual({ code: 0, err: failing.err });
  });

  test('those of another variant are not its business', () => {
    expect(failing.out + cured.out).not.toContain('mtty.json');
  });

  test('what holds now is said to hold, and is kept', () => {
    expect(cured.out).toContain(`stored counterexample ${join(folder, 'long.json')} holds now; it is kept`);
  });

  test('nothing in it is deleted or changed, and what is known already is not stored twice', () => {
    expect(after).toEqual(expect.arrayContaining(before));
    expect(contents()).toEqual(after);
    expect(after).toHaveLength(before.length + 1);
  });
});
