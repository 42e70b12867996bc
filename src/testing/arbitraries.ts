/** What the lab draws, as arbitraries of fast-check: for properties that only a variant's own author knows. */
import * as fc from 'fast-check';
import type { Scenario } from '../lab/scenario.ts';
import type { Setting } from '../lab/setting.ts';
import type { Subject } from '../lab/subject.ts';
import type { Choose, MigrationFormat, Mutation } from '../variant/format.ts';
import { ScenarioArbitrary } from './scenario-arbitrary.ts';

/** More choices than a generator asks for; what it asks beyond them is 0. */
const MOST_CHOICES = 64;

const choices = (): fc.Arbitrary<Choose> =>
  fc.array(fc.nat(), { maxLength: MOST_CHOICES, size: 'max' }).map((numbers) => {
    let next = 0;
    return (n) => (numbers[next++] ?? 0) % n;
  });

/** Arbitraries of streams, settings and scenarios. */
export const arbitraries = {
  /** Well-formed streams of a declared format. */
  streams: (format: MigrationFormat): fc.Arbitrary<Uint8Array> => choices().map((choose) => format.generate(choose)),

  /** Streams with one structure-aware change; of `valid` ones, or of those that the format generates. */
  mutatedStreams: (
    format: MigrationFormat,
    valid: fc.Arbitrary<Uint8Array> = arbitraries.streams(format),
  ): fc.Arbitrary<Mutation> => fc.tuple(valid, choices()).map(([stream, choose]) => format.mutate(stream, choose)),

  /** Settings of a subject: how tenants come to their devices, and what its author varies. */
  settings: ({ factors }: Subject): fc.Arbitrary<Setting> =>
    fc.record(Object.fromEntries(factors.map(({ name, values }) => [name, fc.nat(values.length - 1)]))),

  /** Scenarios as `check` generates them; `rerun` runs one. They shrink to fewer steps. */
  scenarios: (subject: Subject): fc.Arbitrary<Scenario> => new ScenarioArbitrary(subject),
};
