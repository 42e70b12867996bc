/** Option values. A bad one is a usage error that names the option and what it takes. */
import { InvalidArgumentError } from 'commander';

/** A whole number ≥ `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`A whole number of at least ${least} is needed.`);
    return value;
  };
}

/** A duration such as `500ms`, `30s`, `2m`; a bare number counts seconds. Milliseconds. */
export function duration(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's']!;
  const milliseconds = Number(match?.[1] ?? 0) * unit;
  if (milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError('A duration such as 500ms, 30s or 2m is needed.');
}

/** Part i of n, as `i/n`, counted from 1. */
export function shard(text: string): { readonly number: number; readonly of: number } {
  const match = /^([1-9][0-9]*)\/([1-9][0-9]*)$/.exec(text);
  const [number, of] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && number <= of && Number.isSafeInteger(of)) return { number, of };
  throw new InvalidArgumentError('A part such as 1/4 is needed: from 1/n to n/n.');
}
