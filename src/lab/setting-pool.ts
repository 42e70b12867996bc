/** The settings of a campaign: a few at a time, because a machine for each is kept, and new ones as it goes on. */
import { caseSeed, Random } from './random.ts';
import { type Factor, PLAIN, type Setting, SettingDeck } from './setting.ts';

/** Settings in use at a time. */
const SIZE = 20;
/** Cases after which one of them gives way to a new one. */
const RENEWED = 512;

export class SettingPool {
  private readonly factors: readonly Factor[];
  private readonly deck: SettingDeck;
  private readonly settings: Setting[] = [PLAIN];
  private last = -1;

  constructor(factors: readonly Factor[], seed: number) {
    this.factors = factors;
    this.deck = new SettingDeck(new Random(caseSeed(seed, 0x5e7)), factors);
  }

  /** Of case `index`; asked for in order, or for the same once more. Every second case is plain: most of what there is to find needs nothing else. */
  at(index: number): Setting {
    const { settings, factors, deck } = this;
    if (factors.length === 0 || (index & 2) === 0) return PLAIN;
    // Few at first: a machine is built for each.
    const place = 1 + ((index >> 2) % Math.min(SIZE, 1 + (index >> 6)));
    const due = index >= RENEWED && index % RENEWED < 4 && index !== this.last;
    if (settings[place] === undefined || due) settings[place] = deck.draw();
    this.last = index;
    return settings[place]!;
  }
}
