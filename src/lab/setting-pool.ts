/** The settings of a campaign: a few at a time, because a machine for each is kept, and new ones as it goes on. */
import { caseSeed, Random } from './random.ts';
import { drawSetting, type Factor, PLAIN, type Setting } from './setting.ts';

/** Settings in use at a time. */
const SIZE = 12;
/** Cases after which one of them gives way to a new one. */
const RENEWED = 512;

export class SettingPool {
  private readonly factors: readonly Factor[];
  private readonly random: Random;
  private readonly settings: Setting[] = [PLAIN];
  /** Settings are drawn for the cases up to this one. */
  private drawn = -1;

  constructor(factors: readonly Factor[], seed: number) {
    this.factors = factors;
    this.random = new Random(caseSeed(seed, 0x5e7));
  }

  /** Of case `index`; asked for in order, where cases may be passed over, or for the same once more. */
  at(index: number): Setting {
    while (this.drawn < index) this.draw(++this.drawn);
    return this.isPlain(index) ? PLAIN : this.settings[placeOf(index)]!;
  }

  /** Every second case is plain: most of what there is to find needs nothing else. */
  private isPlain(index: number): boolean {
    return this.factors.length === 0 || (index & 2) === 0;
  }

  private draw(index: number): void {
    if (this.isPlain(index)) return;
    const { settings, random, factors } = this;
    const place = placeOf(index);
    const due = index >= RENEWED && index % RENEWED < 4;
    if (settings[place] === undefined || due) settings[place] = drawSetting(random, factors);
  }
}

/** Few at first: a machine is built for each. */
const placeOf = (index: number): number => 1 + ((index >> 2) % Math.min(SIZE, 1 + (index >> 6)));
