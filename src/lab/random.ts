/** Choices of a campaign: a seed reproduces all of them. xoroshiro128+ from pure-rand. */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** The choices that follow from one seed. */
export class Random {
  private readonly generator: RandomGenerator;
  constructor(seed: number) {
    this.generator = xoroshiro128plus(seed | 0);
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    return this.generator.next() >>> 0;
  }

  /** A number in [0, bound). The bias of 2^32 mod bound does not matter for choices. */
  below(bound: number): number {
    return this.bits() % bound;
  }

  /** True `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** An index, each as likely as its weight. */
  weighted(weights: readonly number[], total: number): number {
    let left = this.below(total);
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return weights.length - 1;
  }
}

/** A seed for case `index` of a campaign: well mixed, so neighbouring cases share nothing (splitmix32). */
export function caseSeed(seed: number, index: number): number {
  let z = (seed + Math.imul(index + 1, 0x9e3779b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
