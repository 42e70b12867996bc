/** Settings of a campaign: few machines, and between them everything that can be combined. */
import { expect, test } from 'vitest';
import { Random } from '../../src/lab/random.ts';
import { type Factor, type Setting, SettingDeck } from '../../src/lab/setting.ts';

const FACTORS: readonly Factor[] = [15, 4, 3, 2].map((values, index) => ({
  name: `factor ${index}`,
  values: Array.from({ length: values }, (_, value) => `value ${value}`),
}));
/** Of odd values, of different factors. */
const PAIRS = 14 * 3 + 14 * 2 + 14 + 3 * 2 + 3 + 2;

function pairsAfter(settings: number, seed: number): number {
  const deck = new SettingDeck(new Random(seed), FACTORS);
  const met = new Set<string>();
  for (let i = 0; i < settings; i++) {
    const odd = Object.entries(deck.draw() satisfies Setting);
    for (const [name, value] of odd)
      for (const [other, its] of odd) if (name < other) met.add(`${name}=${value} ${other}=${its}`);
  }
  return met.size;
}

test('nearly all pairs of odd values of two factors meet within a hundred settings or so', () => {
  for (const seed of [1, 2, 3]) expect(pairsAfter(110, seed)).toBeGreaterThan(0.97 * PAIRS);
});

test('no odd value comes a second time before all of its factor have come', () => {
  const deck = new SettingDeck(new Random(5), FACTORS);
  const dealt: number[] = [];
  while (dealt.length < 28) dealt.push(...[deck.draw()['factor 0'] ?? []].flat());
  for (const round of [dealt.slice(0, 14), dealt.slice(14)]) expect(new Set(round).size).toBe(14);
});
