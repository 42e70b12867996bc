/** Compares an answer with the recorded one, field by field. */
import { fromHex } from './bytes.ts';
import type { FieldMask } from './not-compared.ts';
import type { Outcome, OutcomeField } from './outcome.ts';

/** How two answers compare. `notCompared`: they agree as far as the answer can be compared, which is not its payload. */
export interface Comparison {
  readonly verdict: 'identical' | 'different' | 'notCompared';
  /** The fields that differ. */
  readonly fields: readonly OutcomeField[];
}

/** Compares under the masks. A field that only one of both has is a difference, masked or not. */
export function compare(expected: Outcome, actual: Outcome, masks: readonly FieldMask[]): Comparison {
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)] as OutcomeField[]);
  // A masked struct may or may not have been changed by the call.
  if (masks.some(({ field }) => field === 'out')) names.delete('same');
  const fields = [...names].filter((name) => !equalField(name, expected, actual, masks));
  if (fields.length > 0) return { verdict: 'different', fields };
  const hidden = masks.some(({ compared }) => compared === 'nothing' || compared.every((bits) => bits === 0));
  return { verdict: hidden ? 'notCompared' : 'identical', fields };
}

function equalField(name: OutcomeField, expected: Outcome, actual: Outcome, masks: readonly FieldMask[]): boolean {
  const [a, b] = [expected[name], actual[name]];
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const mask = masks.find(({ field }) => field === name);
  if (mask?.compared === 'nothing') return String(a).length === String(b).length || name !== 'data';
  if (name === 'probe') return JSON.stringify(a) === JSON.stringify(b);
  if (mask === undefined) return false;
  return differingBytes(String(a), String(b), mask.compared).length === 0;
}

/** Positions of the bytes that differ under the mask; bytes that only one side has all differ. */
export function differingBytes(a: string, b: string, compared?: Uint8Array): number[] {
  const [left, right] = [fromHex(a), fromHex(b)];
  const differing: number[] = [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [a.slice(i * 2, i * 2 + 2), b.slice(i * 2, i * 2 + 2)];
    if (x === y) continue;
    const isHidden = x === '**' || y === '**' || x === '' || y === '';
    if (isHidden || ((left[i]! ^ right[i]!) & (compared?.[i] ?? 0xff)) !== 0) differing.push(i);
  }
  return differing;
}
