/** The settings of a campaign: a few at a time, because a machine for each is kept, and new ones as it goes on. */
import { caseSeed, Random } from './random.ts';
import { segmentOf, segmentStart } from './segments.ts';
import { type Factor, PLAIN, type Setting, SettingDeck } from './setting.ts';

/**
 * Segments take turns in so many groups, and each group has its own settings: threads that share the segments of a
 * campaign then do not all build the same machines.
 */
const GROUPS = 4;
/** Settings of a group in use at a time. */
const SIZE = 5;
/** Cases of one setting in a row, a power of two: the machine is then still in the caches of the processor. */
const ROW = 16;

export class SettingPool {
  private readonly factors: readonly Factor[];
  private readonly deck: SettingDeck;
  private readonly settings: Setting[] = [];
  /** Settings are drawn for the cases up to this one. */
  private drawn = -1;

  constructor(factors: readonly Factor[], seed: number) {
    this.factors = factors;
    this.deck = new SettingDeck(new Random(caseSeed(seed, 0x5e7)), factors);
  }

  /** Of case `index`; asked for in order, where cases may be passed over, or for the same once more. */
  at(index: number): Setting {
    while (this.drawn < index) this.draw(++this.drawn);
    return this.isPlain(index) ? PLAIN : this.settings[placeOf(index)]!;
  }

  /** Every second run of cases is plain: most of what there is to find needs nothing else. */
  private isPlain(index: number): boolean {
    return this.factors.length === 0 || (index & ROW) === 0;
  }

  /** One setting of the group gives way to a new one in each segment. */
  private draw(index: number): void {
    if (this.isPlain(index)) return;
    const { settings, deck } = this;
    const place = placeOf(index);
    const due = index - segmentStart(index) === ROW;
    if (settings[place] === undefined || due) settings[place] = deck.draw();
  }
}

/** Few at first: a machine is built for each. */
function placeOf(index: number): number {
  const segment = segmentOf(index);
  const settings = Math.min(SIZE, 1 + (index >> 6));
  return SIZE * (segment % GROUPS) + ((Math.floor(index / (2 * ROW)) + segment) % settings);
}
