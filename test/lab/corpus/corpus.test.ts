/** The corpus format: any bytes are a scenario, and every scenario of a campaign is bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode } from '../../../src/lab/corpus/decode.ts';
import { encode } from '../../../src/lab/corpus/encode.ts';
import { MOST_STEPS } from '../../../src/lab/corpus/format.ts';
import { NUMBERED } from '../../../src/lab/corpus/numbers.ts';
import { seedsOf } from '../../../src/lab/corpus/seeds.ts';
import { generating, replaying } from '../../../src/lab/generate.ts';
import { offers } from '../../../src/lab/offers.ts';
import { OPERATION_BY_NAME } from '../../../src/lab/operations/index.ts';
import { caseSeed } from '../../../src/lab/random.ts';
import { runCase } from '../../../src/lab/run-case.ts';
import type { Scenario } from '../../../src/lab/scenario.ts';
import { SettingPool } from '../../../src/lab/setting-pool.ts';
import { SUBJECTS, subjectNamed } from '../../../src/lab/subject.ts';
import { within } from '../../../src/lab/watchdog.ts';
import { keptWorlds } from '../../../src/lab/worlds.ts';

/** Engines start from nothing, from rubbish, and from scenarios that they cut, join and change. */
const bytesFor = (seeds: readonly Buffer[]): fc.Arbitrary<Uint8Array> => {
  const rubbish = fc.uint8Array({ maxLength: 300 });
  const change = fc.record({ at: fc.nat(), cut: fc.nat(6), put: fc.uint8Array({ maxLength: 6 }) });
  const changed = fc.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 6 })).map(([seed, changes]) =>
    changes.reduce<Buffer>((bytes, { at, cut, put }) => {
      const place = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + cut)]);
    }, seed),
  );
  return fc.oneof(rubbish, changed);
};

const dma = (length: number) => ({
  device: 0,
  kind: 1,
  source: 0,
  sourceOffset: 0,
  target: 0,
  targetOffset: 0,
  length,
  salt: 0,
});

/** Milliseconds in which a case must end, on a machine with other work: it takes some hundredths of that. */
const CASE_TIME = 2000;
/** Bytes of this thread, with all that is loaded. */
const MEMORY = 2 ** 30;

describe.each(SUBJECTS)('$variant.name', (subject) => {
  const seeds = [...seedsOf(subject, 24)];

  test('every scenario of a campaign comes back from its bytes as it was', () => {
    const worlds = keptWorlds(subject);
    const settings = new SettingPool(subject.factors, 5);
    for (let index = 0; index < 400; index++) {
      const seed = caseSeed(5, index);
      const twin = index % 2 ? 'integrity' : 'confidentiality';
      const { scenario } = runCase(worlds, { seed, twin, setting: settings.at(index) }, generating(seed));
      expect(decode(encode(scenario, subject), subject)).toEqual(scenario);
    }
  });

  test('any bytes are a scenario that the lab takes, and its bytes mean the same', () => {
    fc.assert(
      fc.property(bytesFor(seeds), (bytes) => {
        const scenario = decode(bytes, subject);
        expectValid(scenario);
        const canonical = encode(scenario, subject);
        expect(decode(canonical, subject)).toEqual(scenario);
        expect(encode(decode(canonical, subject), subject)).toEqual(canonical);
      }),
      { numRuns: 1500, seed: 1 },
    );
  });

  test('a correct driver holds whatever the bytes are, soon and in little memory', () => {
    const worlds = keptWorlds(subject);
    let most = 0;
    fc.assert(
      fc.property(bytesFor(seeds), (bytes) => {
        const scenario = decode(bytes, subject);
        within(CASE_TIME, () => expect(runCase(worlds, scenario, replaying(scenario)).violations).toEqual([]));
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        most = Math.max(most, heapUsed + arrayBuffers);
      }),
      { numRuns: 800, seed: 2 },
    );
    expect(most).toBeLessThan(MEMORY);
  });

  function expectValid({ variant, setting, steps, schedule }: Scenario): void {
    expect(variant).toBe(subject.variant.name);
    expect(steps.length).toBeLessThanOrEqual(MOST_STEPS);
    expect(schedule).toHaveLength(steps.length);
    for (const [name, value] of Object.entries(setting))
      expect(subject.factors.find((factor) => factor.name === name)!.values[value]).toBeDefined();
    const offering = { variant: subject.variant, profile: subject.profile(setting) };
    for (const { by, op, args, spawn } of steps) {
      const names = by === 'H' ? ['what'] : OPERATION_BY_NAME.get(op)!.args;
      expect(Object.keys(args)).toEqual(names);
      for (const value of Object.values(args)) expect(Number.isSafeInteger(value) && value >= -1).toBe(true);
      if (by === 'H') continue;
      const { needs, spawnable } = OPERATION_BY_NAME.get(op)!;
      expect(needs === undefined || offers(offering, needs)).toBe(true);
      if (spawn) expect([by, spawnable]).toEqual(['A', true]);
    }
  }
});

describe('a scenario that nobody generated', () => {
  const huge = (name: string, op: string, args: Readonly<Record<string, number>>): [string, Scenario['steps']] => [
    name,
    [{ by: 'A', op, args }],
  ];

  test.each([
    huge('mlx5', 'arm', { start: 2 ** 26, count: 2 ** 31, event: 0 }),
    huge('mlx5', 'config_write', { offset: 4, width: 2 ** 31, value: 1 }),
    huge('mlx5', 'log_start', { iova: 0, pages: 2 ** 40, pageSize: 4096, ranges: 2 ** 31, gap: 1 }),
    huge('mtty', 'loop', { port: 0, fresh: 0, count: 2 ** 31, back: 2 ** 31, value: 0 }),
    huge('vfio-pci', 'irq_arm', { index: 2, start: 0, count: 2 ** 31, event: 0 }),
    huge('vfio-pci', 'hot_reset_info', { room: 2 ** 28 }),
    huge('vfio-pci', 'buf_export', { bar: 0, page: 0, pages: 1, ranges: 2 ** 31, full: 0 }),
    huge('vfio-pci', 'table_write', { offset: 0, width: 2 ** 31, value: 0 }),
    huge('type1', 'bench_dma', dma(2 ** 31)),
    huge('iommufd', 'bench_dma', dma(2 ** 31)),
    huge('iommufd', 'page_request', { records: 2 ** 31, page: 0 }),
  ])('of %s repeats nothing without end: %j', (name, steps) => {
    const subject = subjectNamed(name)!;
    const scenario: Scenario = { variant: name, seed: 0, twin: 'integrity', setting: {}, steps, schedule: [0] };
    within(CASE_TIME, () => runCase(keptWorlds(subject), scenario, replaying(scenario)));
  });
});

describe('bytes that are kept', () => {
  const mlx5 = subjectNamed('mlx5')!;
  const scenario: Scenario = {
    variant: 'mlx5',
    seed: 0,
    twin: 'confidentiality',
    setting: { firmware: 2 },
    steps: [
      { by: 'A', op: 'map', args: { page: 1, pages: 2, iova: 0x5000, flags: 3 } },
      { by: 'A', op: 'set_state', args: { state: 0xffff_ffff }, spawn: true },
      { by: 'B', op: 'config_write', args: { offset: 4, width: 2, value: 0x1234_5678 } },
      { by: 'H', op: 'look', args: { what: 3 } },
    ],
    schedule: [0, 4 + 8 * 21, 1, 0],
  };
  const bytes = '010102000200060102f80503c81515d616010402f3785634120703';

  test('mean tomorrow what they meant: version, operations and tags have fixed numbers', () => {
    expect(encode(scenario, mlx5).toString('hex')).toBe(bytes);
    expect(decode(Buffer.from(bytes, 'hex'), mlx5)).toEqual(scenario);
  });

  test('can name every operation, by a number of its own', () => {
    expect([...NUMBERED].sort()).toEqual([...OPERATION_BY_NAME.keys()].sort());
  });

  test('are a few for each step', () => {
    const seeds = [...seedsOf(mlx5, 50)].map((seed) => ({
      bytes: seed.length,
      steps: decode(seed, mlx5).steps.length,
    }));
    const sum = (of: 'bytes' | 'steps'): number => seeds.reduce((total, seed) => total + seed[of], 0);
    expect(sum('bytes') / sum('steps')).toBeLessThan(7);
    expect(Math.max(...seeds.map(({ bytes, steps }) => bytes / steps))).toBeLessThan(14);
  });

  test('end early without harm: what is missing is 0', () => {
    expect(decode(Buffer.from(bytes.slice(0, 14), 'hex'), mlx5).steps).toEqual([
      { by: 'A', op: 'map', args: { page: 0, pages: 1, iova: 0, flags: 0 } },
    ]);
    expect(decode(new Uint8Array(), mlx5)).toMatchObject({ twin: 'integrity', setting: {}, steps: [] });
  });

  test('of a version that is not known are read as the first', () => {
    const later = Buffer.from(bytes, 'hex');
    later[0] = 200;
    expect(decode(later, mlx5)).toEqual(scenario);
  });
});
