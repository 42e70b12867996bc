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

/** Settings drawn for each that is used. */
const HANDS = 8;

/**
 * Draws settings. Each factor is plain half of the time: a defect that needs one odd value should not have to wait for
 * several. Odd values are dealt like cards, so that none is met a second time before all have been met once; and of some
 * hands that could be dealt the one is played in which most odd values meet for the first time.
 */
export class SettingDeck {
  private readonly random: Random;
  private readonly factors: readonly Factor[];
  private readonly cards: number[][];
  /** Pairs of odd values that have met. */
  private readonly met = new Set<string>();

  constructor(random: Random, factors: readonly Factor[]) {
    this.random = random;
    this.factors = factors;
    this.cards = factors.map(() => []);
  }

  draw(): Setting {
    const hands = Array.from({ length: HANDS }, () => this.deal());
    const fresh = hands.map((hand) => pairsOf(hand).filter((pair) => !this.met.has(pair)).length);
    const hand = hands[fresh.indexOf(Math.max(...fresh))]!;
    for (const pair of pairsOf(hand)) this.met.add(pair);
    const setting: Record<string, number> = {};
    for (const [index, value] of hand) {
      const cards = this.cards[index]!;
      cards.splice(cards.indexOf(value), 1);
      setting[this.factors[index]!.name] = value;
    }
    return setting;
  }

  private deal(): Hand {
    const hand: [number, number][] = [];
    for (const [index, { values }] of this.factors.entries()) {
      if (values.length < 2 || this.random.chance(50)) continue;
      const cards = this.cards[index]!;
      if (cards.length === 0) for (let value = 1; value < values.length; value++) cards.push(value);
      hand.push([index, this.random.pick(cards)]);
    }
    return hand;
  }
}

/** Factors that are not plain, by number, and their values. */
type Hand = readonly (readonly [factor: number, value: number])[];

const pairsOf = (hand: Hand): string[] =>
  hand.flatMap(([factor, value], at) => hand.slice(at + 1).map(([other, its]) => `${factor}=${value} ${other}=${its}`));
