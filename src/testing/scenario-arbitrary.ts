/** Scenarios as values of fast-check: drawn by running them, shrunk by leaving steps out. */
import { Arbitrary, type Random as Bits, Stream, Value } from 'fast-check';
import { generating } from '../lab/generate.ts';
import { Random } from '../lab/random.ts';
import { runCase } from '../lab/run-case.ts';
import { type Scenario, TWINS } from '../lab/scenario.ts';
import { SettingDeck } from '../lab/setting.ts';
import type { Subject } from '../lab/subject.ts';
import { keptWorlds, type Worlds } from '../lab/worlds.ts';

export class ScenarioArbitrary extends Arbitrary<Scenario> {
  private readonly subject: Subject;
  /** Machines to choose steps on: a step depends on the state that the ones before it reached. */
  private readonly worlds: Worlds;

  constructor(subject: Subject) {
    super();
    this.subject = subject;
    this.worlds = keptWorlds(subject);
  }

  override generate(bits: Bits): Value<Scenario> {
    const seed = bits.nextInt(0, 0x7fff_ffff);
    const setting = new SettingDeck(new Random(seed), this.subject.factors).draw();
    const twin = TWINS[seed % TWINS.length]!;
    return new Value(runCase(this.worlds, { seed, twin, setting }, generating(seed)).scenario, undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is Scenario {
    return typeof value === 'object' && value !== null && 'steps' in value && 'schedule' in value;
  }

  /** Halves first, then single steps. */
  override shrink(scenario: Scenario): Stream<Value<Scenario>> {
    const { length } = scenario.steps;
    const sizes = length > 1 ? [Math.ceil(length / 2), 1] : [1];
    return Stream.of(
      ...sizes.flatMap((size) => without(scenario, size)).map((smaller) => new Value(smaller, undefined)),
    );
  }
}

/** The scenario without each run of `size` steps. */
function without(scenario: Scenario, size: number): Scenario[] {
  const starts = Array.from({ length: Math.ceil(scenario.steps.length / size) }, (_, index) => index * size);
  return starts.map((from) => {
    const kept = (_: unknown, index: number): boolean => index < from || index >= from + size;
    return { ...scenario, steps: scenario.steps.filter(kept), schedule: scenario.schedule.filter(kept) };
  });
}
