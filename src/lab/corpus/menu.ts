/** Operations by number. What is kept as bytes stays what it is when operations are added. */
import { applies } from '../offers.ts';
import { OPERATIONS } from '../operations/index.ts';
import type { Operation } from '../operations/operation.ts';
import type { DeviceProfile } from '../profiles/profile.ts';
import type { Actor } from '../scenario.ts';
import type { Setting } from '../setting.ts';
import type { Subject } from '../subject.ts';
import { NUMBERED } from './numbers.ts';

/** What is not numbered yet comes behind. */
const ALL: readonly Operation[] = [
  ...NUMBERED.flatMap((name) => OPERATIONS.filter((operation) => operation.name === name)),
  ...OPERATIONS.filter(({ name }) => !NUMBERED.includes(name)),
];
const NUMBERS: ReadonlyMap<string, number> = new Map(ALL.map(({ name }, number) => [name, number]));

/** Hardware trouble is A's: a twin without A has none. */
const ONLY_OF_A: ReadonlySet<string> = new Set(['fail', 'failing', 'short_of_memory', 'meet']);

type Menu = Readonly<Record<Actor, readonly Operation[]>>;
const menus = new WeakMap<DeviceProfile, Menu>();

/** The number of an operation. */
export function numberOf(name: string): number {
  return NUMBERS.get(name) ?? 0;
}

/** The operation of a number: where the device does not offer it, the next one that it does. */
export function operationAt(number: number, subject: Subject, setting: Setting, by: Actor): Operation {
  const profile = subject.profile(setting);
  let menu = menus.get(profile);
  if (menu === undefined) menus.set(profile, (menu = menuOf(subject, profile)));
  return menu[by][number % ALL.length]!;
}

function menuOf({ variant }: Subject, profile: DeviceProfile): Menu {
  const offered = ALL.map((operation) => applies({ variant, profile }, operation));
  const of = (suits: (operation: Operation) => boolean): readonly Operation[] => {
    const here = (number: number): boolean => offered[number]! && suits(ALL[number]!);
    const from = (number: number): Operation => {
      for (let at = number; ; at = (at + 1) % ALL.length) if (here(at)) return ALL[at]!;
    };
    return ALL.map((_, number) => from(number));
  };
  const b = of(({ name }) => !ONLY_OF_A.has(name));
  return { A: of(() => true), B: b, H: b };
}
