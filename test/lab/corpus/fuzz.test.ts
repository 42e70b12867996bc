/** fuzz(): a defect is found by changing bytes alone, explained in words, and shown again from what the words say. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { decode } from '../../../src/lab/corpus/decode.ts';
import { seedsOf } from '../../../src/lab/corpus/seeds.ts';
import { ConfinementViolation, EmulatorFault, encode, type FuzzTarget, fuzz, fuzzOf } from '../../../src/lab/fuzz.ts';
import { PROPERTIES } from '../../../src/lab/properties/index.ts';
import { Random } from '../../../src/lab/random.ts';
import { rerun } from '../../../src/lab/run-case.ts';
import type { Scenario, Step } from '../../../src/lab/scenario.ts';
import { subjectNamed } from '../../../src/lab/subject.ts';
import { MIG_STATE } from '../../../src/uapi/vfio.ts';
import { MIG_REFUSED, migrationFsm } from '../../../src/vfio/migration/arcs.ts';
import { DEFECTS } from '../../defects/index.ts';
import { patch, type Undo } from '../../defects/patch.ts';

const mlx5 = subjectNamed('mlx5')!;
let undo: Undo | undefined;
afterEach(() => {
  undo?.();
  undo = undefined;
});
const plant = (id: string): void => {
  undo = DEFECTS.find((defect) => defect.id === id)!.plant();
};

/** The smallest engine: changes, cuts and joins what it was given; it knows nothing of scenarios. */
function engine(target: FuzzTarget, corpus: Uint8Array[], rounds: number): unknown {
  const random = new Random(1);
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(random.pick(corpus));
    const at = random.below(bytes.length);
    const joined = Buffer.concat([bytes.subarray(0, at), random.pick(corpus).subarray(random.below(40))]);
    for (let change = random.below(4); change > 0; change--) joined[random.below(joined.length)] = random.below(256);
    try {
      target(joined);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

describe('an engine that only changes bytes', () => {
  test('finds a planted defect, and is told what, where, and how to see it again', () => {
    const seeds = [...seedsOf(mlx5, 16)];
    plant('MLX5-05');
    const found = engine(fuzzOf(mlx5), seeds, 8000) as ConfinementViolation;
    expect(found).toBeInstanceOf(ConfinementViolation);
    const { property, message, bytes } = found;
    expect(PROPERTIES.map(({ name }) => name)).toContain(property);
    expect(message).toContain(`${property}: `);
    expect(message).toMatch(/^(> | {2}) +[0-9]+ {2}[ABH] {2}[a-z_]+/m);
    const base64 = /echo ([A-Za-z0-9+/=]+) \| base64 -d > found\.bin && npx vfiolab replay found\.bin --variant mlx5$/;
    const again = Buffer.from(base64.exec(message)![1]!, 'base64');
    expect(again).toEqual(bytes);
    expect(rerun(mlx5, decode(again, mlx5)).violations.map((violation) => violation.property)).toContain(property);
    undo!();
    undo = undefined;
    expect(() => fuzzOf(mlx5)(again)).not.toThrow();
  });

  test('finds nothing where there is nothing', () => {
    expect(engine(fuzzOf(mlx5), [...seedsOf(mlx5, 8)], 100)).toBeUndefined();
  });
});

describe('a target', () => {
  const held = encode(
    {
      variant: 'mlx5',
      seed: 0,
      twin: 'integrity',
      setting: {},
      steps: [{ by: 'A', op: 'info', args: {} }],
      schedule: [],
    },
    mlx5,
  );

  test('takes any bytes, and returns nothing if all holds', () => {
    const target = fuzzOf(mlx5);
    expect(target(held)).toBeUndefined();
    expect(target(new Uint8Array())).toBeUndefined();
    expect(fuzz(Buffer.from(held))).toBeUndefined();
  });

  test('tells a fault of the emulator from a violation, and works on after it', () => {
    const target = fuzzOf(mlx5);
    target(held);
    undo = patch(mlx5, 'profile', (profile) => (setting) => ({
      ...profile(setting),
      host: () => {
        throw new Error('planted');
      },
    }));
    const fault = caught(() => fuzzOf(mlx5)(held));
    expect(fault).toBeInstanceOf(EmulatorFault);
    expect(fault).not.toBeInstanceOf(ConfinementViolation);
    expect((fault as Error).message).toMatch(/^the emulator failed: planted\nReplay: echo /);
    undo();
    undo = undefined;
    expect(target(held)).toBeUndefined();
  });

  test('that never comes back is a violation, not a hang of the engine', () => {
    undo = patch(migrationFsm, 'next', (next) => (flags, current, target) => {
      for (;;) {
        const result = next.call(migrationFsm, flags, current, target);
        if (result !== MIG_REFUSED) return result;
      }
    });
    const states = [MIG_STATE.STOP_COPY, MIG_STATE.PRE_COPY];
    const steps: Step[] = states.map((state) => ({ by: 'A', op: 'set_state', args: { state } }));
    const scenario: Scenario = { variant: 'mlx5', seed: 0, twin: 'integrity', setting: {}, steps, schedule: [0, 0] };
    const found = caught(() => fuzzOf(mlx5)(encode(scenario, mlx5)));
    expect(found).toBeInstanceOf(ConfinementViolation);
    expect((found as ConfinementViolation).message).toMatch(/never /);
  });

  test('for a variant that there is not says which there are', () => {
    const script =
      "import { fuzz } from './src/lab/fuzz.ts'; try { fuzz(Buffer.alloc(0)) } catch (e) { console.log(e.message) }";
    const env = { ...process.env, VFIOLAB_VARIANT: 'other' };
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { env });
    expect(String(out)).toBe(
      'There is no variant called other, which VFIOLAB_VARIANT names; there is mlx5, sample, mtty, vfio-pci, type1, iommufd.\n',
    );
  });
});

function caught(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
