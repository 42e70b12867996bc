/** A machine that is brought back is as good as a new one. */
import { describe, expect, test } from 'vitest';
import type { VfModel } from '../../sim/devices/mlx5/index.ts';
import { VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import { generating } from '../../src/lab/generate.ts';
import { caseSeed } from '../../src/lab/random.ts';
import { looksAlike, runCase } from '../../src/lab/run-case.ts';
import { PLAIN } from '../../src/lab/setting.ts';
import { SettingPool } from '../../src/lab/setting-pool.ts';
import { Snapshot } from '../../src/lab/snapshot.ts';
import { SUBJECTS, subjectNamed } from '../../src/lab/subject.ts';
import { keptWorlds, newWorlds, type Run } from '../../src/lab/worlds.ts';

class Part {
  bytes = Uint8Array.of(1, 2, 3);
  list: unknown[] = ['a', 'b'];
  byName: Record<string, number> = Object.assign(Object.create(null), { one: 1 });
  map = new Map<string, number>([['x', 1]]);
  set = new Set([1, 2]);
  inner: { value: number } | undefined = { value: 7 };
}

describe('a snapshot brings back', () => {
  test.each<[string, (part: Part) => void]>([
    ['bytes', (part) => part.bytes.fill(9)],
    ['elements, and those that came or went', (part) => part.list.splice(0, 1, 'z', 'y', 'x')],
    ['names that were added to a table', (part) => (part.byName.two = 2)],
    ['names that were taken out of a table', (part) => delete part.byName.one],
    ['entries and their order', (part) => part.map.set('w', 0).delete('x')],
    ['members of a set', (part) => part.set.clear()],
    ['fields of what is inside', (part) => (part.inner!.value = 8)],
    ['what a field referred to', (part) => (part.inner = undefined)],
  ])('%s', (_what, change) => {
    const part = new Part();
    const snapshot = new Snapshot(part);
    change(part);
    expect(part).not.toEqual(new Part());
    snapshot.restore();
    expect(part).toEqual(new Part());
  });

  test('a view into a larger buffer, and nothing beside it', () => {
    const buffer = new ArrayBuffer(8);
    const part = { view: new DataView(buffer, 2, 4) };
    const snapshot = new Snapshot(part);
    new Uint8Array(buffer).fill(5);
    snapshot.restore();
    expect([...new Uint8Array(buffer)]).toEqual([5, 5, 0, 0, 0, 0, 5, 5]);
  });

  test('accessors of an object literal, by leaving them alone', () => {
    const part = {
      value: 1,
      get double() {
        return 2 * this.value;
      },
    };
    const snapshot = new Snapshot(part);
    part.value = 5;
    snapshot.restore();
    expect([part.value, part.double]).toEqual([1, 2]);
  });

  test('nothing that two machines share', () => {
    const pool = { pages: [1] };
    const snapshot = new Snapshot({ pool }, { pool });
    pool.pages.push(2);
    snapshot.restore();
    expect(pool.pages).toEqual([1, 2]);
  });

  test('the same things as often as one likes', () => {
    const part = new Part();
    const snapshot = new Snapshot(part);
    for (let round = 0; round < 3; round++) {
      part.list.push(round);
      part.bytes[0] = round;
      snapshot.restore();
      expect(part).toEqual(new Part());
    }
  });
});

describe('a machine that was used and brought back', () => {
  const subject = subjectNamed('mlx5')!;

  test.each(SUBJECTS)('answers like a new one, case after case: $variant.name', (subject) => {
    const kept = keptWorlds(subject);
    const fresh = newWorlds(subject);
    const settings = new SettingPool(subject.factors, 5);
    for (let number = 0; number < 150; number++) {
      const seed = caseSeed(5, number);
      const { scenario, violations } = runCase(
        kept,
        { seed, twin: number % 2 ? 'integrity' : 'confidentiality', setting: settings.at(number) },
        generating(seed),
      );
      expect(violations).toEqual([]);
      expect(looksAlike(kept, fresh, scenario), `case ${number}`).toBe(true);
    }
  });

  test('and the comparison can fail', () => {
    const kept = keptWorlds(subject);
    const leaky = {
      subject,
      world: (run: Run) => {
        const world = kept.world(run, PLAIN);
        (world.a.fn!.model as VfModel).state.scratch[0] = 0x77;
        return world;
      },
    };
    const steps = [{ by: 'A', op: 'bar_read', args: { offset: VF_REG.SCRATCH, length: 4 } }] as const;
    const scenario = { variant: 'mlx5', seed: 1, twin: 'integrity', setting: PLAIN, steps, schedule: [0] } as const;
    expect(looksAlike(kept, newWorlds(subject), scenario)).toBe(true);
    expect(looksAlike(leaky, newWorlds(subject), scenario)).toBe(false);
  });
});
