/** What a package outside gets: the suite as a call, a subject from little, arbitraries that shrink. */
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { VfModel } from '../../sim/devices/mlx5/index.ts';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { sampleMachine } from '../../sim/machines/sample.ts';
import { subjectNamed } from '../../src/lab/subject.ts';
import {
  arbitraries,
  bootWorld,
  checkVariant,
  describeVariant,
  EmulatorFaultError,
  functionSubject,
  loadStream,
  PLAIN,
  rerun,
  type Subject,
  type Tenant,
  ViolationError,
} from '../../src/testing/index.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { PCI_IRQ } from '../../src/uapi/vfio.ts';
import { type AnySafeguard, switchOff } from '../../src/variant/index.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';
import { FORMAT, SAFEGUARDS, sample } from '../../variants/sample/index.ts';

const functions = ['0000:01:00.0', '0000:02:00.0'] as const;
const unreachable = new Set([ERRNO.EBUSY, ERRNO.EIO]);
const tally = functionSubject({ variant: sample, machine: sampleMachine, functions, unreachable });

let switchOn: (() => void) | undefined;
afterEach(() => {
  switchOn?.();
  switchOn = undefined;
});
const without = (guard: unknown): void => {
  switchOn = switchOff(guard as AnySafeguard);
};

describe('checkVariant', () => {
  test('tells what it did and which properties held, and does the same again for the same seed', () => {
    const one = checkVariant(tally, { cases: 200, seed: 5 });
    const { milliseconds, ...counts } = one.counts;
    expect(counts).toMatchObject({ cases: 200, legalArcs: 6 });
    expect(checkVariant(tally, { cases: 200, seed: 5 }).counts).toMatchObject(counts);
    expect(one.properties.filter(({ verdict }) => verdict === 'held')).toHaveLength(10);
    expect(one.properties.find(({ name }) => name === 'DMA confinement')).toMatchObject({
      verdict: 'does not apply',
      reason: 'the device does no DMA',
    });
  });

  test('ends when its time is over', () => {
    expect(checkVariant(tally, { milliseconds: 50 }).counts.cases).toBeGreaterThan(0);
  });

  test('throws the smallest counterexample, drawn, with the call that finds it again', () => {
    without(SAFEGUARDS.SIZE);
    const error = caught(() => checkVariant(tally));
    expect(error).toBeInstanceOf(ViolationError);
    const { message, property, scenario } = error as ViolationError;
    expect(property).toBe('stream robustness');
    expect(message).toMatch(/^sample violates stream robustness: .*8 bytes/);
    expect(message).toContain('RESUMING');
    const [, seed, cases] = /seed: (\d+), cases: (\d+)/.exec(message)!;
    expect(caught(() => checkVariant(tally, { seed: Number(seed), cases: Number(cases) }))).toMatchObject({ scenario });
    switchOn!();
    expect(rerun(tally, scenario).violations).toEqual([]);
  });

  test('a profile that fails is a fault, and not a violation', () => {
    const prepare = (): void => {
      throw new Error('not yet');
    };
    const unfinished = functionSubject({ variant: sample, machine: sampleMachine, functions, prepare });
    expect(() => checkVariant(unfinished, { cases: 1 })).toThrow(EmulatorFaultError);
  });
});

describe('describeVariant', () => {
  const tests = (subject: Subject): Map<string, () => void> => {
    const registered = new Map<string, () => void>();
    const runner = {
      describe: (_name: string, body: () => void) => body(),
      test: (name: string, body: () => void) => registered.set(name, body),
    };
    describeVariant(runner, subject, { cases: 1000 });
    return registered;
  };

  test('has a test for each property that applies, and the violated one fails', () => {
    without(SAFEGUARDS.TAG);
    const registered = tests(tally);
    expect(registered.size).toBe(10);
    const failed = [...registered].filter(([, body]) => caught(body) !== undefined).map(([name]) => name);
    expect(failed).toEqual(['stream robustness']);
  });

  test('all of them pass on a good variant', () => {
    for (const body of tests(tally).values()) body();
  });
});

describe('a subject from little', () => {
  test('knows registers, vectors and what is guarded from the hardware', () => {
    const { registers, vectors, guarded } = tally.profile(PLAIN);
    expect(vectors).toEqual({ index: PCI_IRQ.MSI, count: 1 });
    expect(registers).toMatchObject({ bar: 0, offsets: expect.arrayContaining([0, 4, 0x3c, 0xffc, 0x1000]) });
    expect(guarded.what).toBe('where the host sends its MSI');
  });

  test('takes VFs of a PF, and its variant keeps them apart', () => {
    // Its model has fields that are no state of the device, so the plain ones do not do.
    const digest = ({ fn }: Tenant): Uint8Array => Uint8Array.from((fn!.model as VfModel).state.scratch);
    const functions = { vfsOf: '0000:01:00.0' };
    const vfs = functionSubject({ variant: mlx5, machine: mlx5Machine, functions, digest });
    expect(vfs.profile(PLAIN).vectors).toEqual({ index: PCI_IRQ.MSIX, count: 4 });
    expect(checkVariant(vfs, { cases: 600 }).counts.cases).toBe(600);
  });

  test('says which function there is none of', () => {
    const nowhere = functionSubject({
      variant: sample,
      machine: sampleMachine,
      functions: ['0000:01:00.0', '0000:09:00.0'],
    });
    expect(() => checkVariant(nowhere, { cases: 1 })).toThrow('sample has no function 0000:09:00.0');
  });
});

describe('arbitraries', () => {
  test('streams are valid, and a mutated one is taken only if the declaration has nothing against it', () => {
    const { a, machine } = bootWorld(tally);
    fc.assert(
      fc.property(arbitraries.streams(FORMAT), (stream) => tally.streams!.broken(stream) === undefined),
      { seed: 1 },
    );
    fc.assert(
      fc.property(arbitraries.mutatedStreams(FORMAT), ({ bytes }) => {
        const { written } = loadStream(a, bytes);
        return written < 0 || tally.streams!.broken(bytes) === undefined;
      }),
      { seed: 1 },
    );
    machine.dispose();
  });

  test('settings name the factors of the subject', () => {
    fc.assert(
      fc.property(arbitraries.settings(tally), ({ way }) => way! >= 0 && way! < 4),
      { seed: 1 },
    );
  });

  test('scenarios hold on a good variant, and shrink to the step that matters on a bad one', () => {
    const holds = fc.property(
      arbitraries.scenarios(tally),
      (scenario) => rerun(tally, scenario).violations.length === 0,
    );
    expect(fc.check(holds, { seed: 1, numRuns: 50 }).failed).toBe(false);
    without(SAFEGUARDS.SIZE);
    const { failed, counterexample } = fc.check(holds, { seed: 1, numRuns: 2000 });
    expect(failed).toBe(true);
    expect(counterexample![0].steps.length).toBeLessThanOrEqual(3);
    switchOn!();
    expect(rerun(subjectNamed('sample')!, counterexample![0]).violations).toEqual([]);
  });
});

function caught(body: () => unknown): unknown {
  try {
    body();
    return undefined;
  } catch (error) {
    return error;
  }
}
