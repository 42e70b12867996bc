/** The configuration of a case is an input like any other: factors, each with a few named values. */
import type { Random } from './random.ts';

/** Something about the machine that can be one of several: value 0 is the plain one. */
export interface Factor {
  readonly name: string;
  readonly values: readonly string[];
}

/** The number of a value for each factor; a factor that is not named has its plain value. */
export type Setting = Readonly<Record<string, number>>;

/** Everything plain. */
export const PLAIN: Setting = {};

/** One text for one setting, whatever the order of its names. */
export function settingKey(setting: Setting): string {
  const names = Object.keys(setting).filter((name) => setting[name] !== 0);
  return names
    .sort()
    .map((name) => `${name}=${setting[name]}`)
    .join(' ');
}

/** E.g. `way: cdev with iommufd, migration: no pre-copy`. */
export function describeSetting(factors: readonly Factor[], setting: Setting): string {
  return factors
    .filter(({ name }) => (setting[name] ?? 0) !== 0)
    .map(({ name, values }) => `${name}: ${values[setting[name]!] ?? setting[name]}`)
    .join(', ');
}

/**
 * Draws settings. Each factor is plain half of the time: a defect that needs one odd value should not have to wait for
 * several. Odd values are dealt like cards, so that none is met a second time before all have been met once.
 */
export class SettingDeck {
  private readonly random: Random;
  private readonly factors: readonly Factor[];
  private readonly cards: number[][];

  constructor(random: Random, factors: readonly Factor[]) {
    this.random = random;
    this.factors = factors;
    this.cards = factors.map(() => []);
  }

  draw(): Setting {
    const drawn: Record<string, number> = {};
    for (const [index, { name, values }] of this.factors.entries()) {
      if (values.length < 2 || this.random.chance(50)) continue;
      const cards = this.cards[index]!;
      if (cards.length === 0) for (let value = 1; value < values.length; value++) cards.push(value);
      drawn[name] = cards.splice(this.random.below(cards.length), 1)[0]!;
    }
    return drawn;
  }
}
