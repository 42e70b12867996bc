/**
 * Numbers of the script language: literals (decimal, 0x, negative, with K, M or G), `$variable`, region offsets
 * `rN` = N << 40 (the offset encoding of vfio-pci), and sums of these.
 */

/** What a number can be looked up in: the value of a variable, or undefined if it was never set. */
export type Lookup = (name: string) => bigint | undefined;

const LITERAL = /^(-?)(0x[0-9a-f]+|\d+)([KMG]?)$/i;
const REGION = /^r(\d+)$/;
const VARIABLE = /^\$([A-Za-z_]\w*(?:\.\w+)?)$/;
const UNIT: Readonly<Record<string, bigint>> = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n };
/** VFIO_PCI_OFFSET_SHIFT. */
export const REGION_SHIFT = 40n;

/** Whether `word` is a number as a script may write it. */
export function isExpression(word: string): boolean {
  return word.split('+').every((term) => VARIABLE.test(term) || literal(term) !== undefined);
}

/** The value of `word`; a variable that was never set counts as 0. Undefined: not a number. */
export function evaluate(word: string, lookup: Lookup): bigint | undefined {
  let sum = 0n;
  for (const term of word.split('+')) {
    const name = VARIABLE.exec(term)?.[1];
    const value = name === undefined ? literal(term) : (lookup(name) ?? 0n);
    if (value === undefined) return undefined;
    sum += value;
  }
  return sum;
}

function literal(term: string): bigint | undefined {
  const region = REGION.exec(term)?.[1];
  if (region !== undefined) return BigInt(region) << REGION_SHIFT;
  const [, sign, digits, unit] = LITERAL.exec(term) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt(digits) * UNIT[unit!.toUpperCase()]!;
  return sign === '-' ? -value : value;
}
