/** What an argument can be: every number that is brought inside stays what it is if it was inside. */
import type { DeclaredVariant } from '../../variant/variant.ts';
import type { Args } from '../operations/operation.ts';
import type { DeviceProfile } from '../profiles/profile.ts';
import type { Actor } from '../scenario.ts';

/** Some numbers, or those from `least` to `most`. */
export type Domain = { readonly oneOf: readonly number[] } | Range;

interface Range {
  readonly least?: number;
  readonly most: number;
  readonly unit?: number;
  /** Numbers in [from, to) are not in it. */
  readonly without?: readonly [from: number, to: number];
  /** Numbers that are in it all the same. */
  readonly also?: readonly number[];
}

/** Whose argument it is, on which device, and the arguments declared before it. */
export interface ArgumentPlace {
  readonly by: Actor;
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
  readonly args: Args;
}

export type DomainOf = (place: ArgumentPlace) => Domain;

/** By operation and argument, as `map.page`. */
export type DomainTable = Readonly<Record<string, DomainOf>>;

const always =
  (domain: Domain): DomainOf =>
  () =>
    domain;

export const upTo = (most: number, least = 0): DomainOf => always({ least, most });
export const oneOf = (...numbers: readonly number[]): DomainOf => always({ oneOf: numbers });
/** Numbers up to `most`, and some that are much larger. */
export const andBeyond = (most: number, ...also: readonly number[]): DomainOf => always({ most, also });
export const inRange = (range: Range): DomainOf => always(range);

export const FLAG = upTo(1);
export const BYTE = upTo(0xff);
export const WORD = upTo(0xffff_ffff);

/** The number for the bytes of an argument. */
export function toCode(value: number, domain: Domain): number {
  if ('oneOf' in domain) return codeOf(value, domain.oneOf);
  return bring(Number.isFinite(value) ? Math.abs(Math.trunc(value)) : 0, domain);
}

/** The argument that a number in the bytes is. */
export function fromCode(code: number, domain: Domain): number {
  if (!('oneOf' in domain)) return bring(code, domain);
  const { oneOf } = domain;
  return oneOf.includes(code) ? code : oneOf[code % oneOf.length]!;
}

/** A number of a list is itself; one below 0 is the first code that says its place and is none of the others. */
function codeOf(value: number, oneOf: readonly number[]): number {
  if (value >= 0 && oneOf.includes(value)) return value;
  let code = Math.max(0, oneOf.indexOf(value));
  while (oneOf.includes(code)) code += oneOf.length;
  return code;
}

function bring(value: number, { least = 0, most, unit = 1, without, also }: Range): number {
  if (also?.includes(value)) return value;
  const inside = value >= least && value <= most ? value : least + (value % (most - least + 1));
  const whole = inside - (inside % unit);
  return without !== undefined && whole >= without[0] && whole < without[1] ? whole - without[0] : whole;
}
