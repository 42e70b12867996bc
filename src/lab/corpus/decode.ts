/** Bytes of a corpus to a scenario. Total: any bytes give a valid one. */
import type { Scenario, Step } from '../scenario.ts';
import { TURNS, TWINS } from '../scenario.ts';
import type { Setting } from '../setting.ts';
import type { Subject } from '../subject.ts';
import { readArgument } from './argument.ts';
import { ByteReader } from './bytes.ts';
import { fromCode } from './domain.ts';
import { domainOf } from './domains.ts';
import { ACTORS, LEFT_UNDER_WAY, MOST_STEPS, ORDERED, ORDERS, SEEDED, TURNS_SHIFT } from './format.ts';
import { operationAt } from './menu.ts';

/** How the bytes behind the version are read. Older versions stay, so that a kept corpus stays what it is. */
const VERSIONS: Readonly<Record<number, (reader: ByteReader, subject: Subject) => Scenario>> = { 1: readFirst };

/** The scenario that some bytes are, for a subject. Bytes of an unknown version are read as the first. */
export function decode(bytes: Uint8Array, subject: Subject): Scenario {
  const reader = new ByteReader(bytes);
  return (VERSIONS[reader.next()] ?? readFirst)(reader, subject);
}

function readFirst(reader: ByteReader, subject: Subject): Scenario {
  const head = reader.next();
  const twin = TWINS[(head & ~SEEDED) % TWINS.length]!;
  const seed = head & SEEDED ? readArgument(reader) : 0;
  const setting = readSetting(reader, subject);
  const steps: Step[] = [];
  const schedule: number[] = [];
  while (!reader.ended && steps.length < MOST_STEPS) {
    const how = reader.next();
    const order = how & ORDERED ? readArgument(reader) % ORDERS : 0;
    schedule.push(((how >>> TURNS_SHIFT) % TURNS) + TURNS * order);
    steps.push(readStep(reader, how, subject, setting));
  }
  return { variant: subject.variant.name, seed, twin, setting, steps, schedule };
}

function readSetting(reader: ByteReader, { factors }: Subject): Setting {
  const setting: Record<string, number> = {};
  const count = reader.next();
  if (count > factors.length) return setting;
  for (const { name, values } of factors.slice(0, count)) {
    const value = reader.next() % values.length;
    if (value !== 0) setting[name] = value;
  }
  return setting;
}

function readStep(reader: ByteReader, how: number, subject: Subject, setting: Setting): Step {
  const by = ACTORS[how % ACTORS.length]!;
  const profile = subject.profile(setting);
  const args: Record<string, number> = {};
  const read = (op: string, names: readonly string[]): void => {
    for (const name of names) {
      const domain = domainOf(op, name, { by, variant: subject.variant, profile, args });
      args[name] = fromCode(readArgument(reader), domain);
    }
  };
  if (by === 'H') {
    read('look', ['what']);
    return { by, op: 'look', args };
  }
  const { name: op, args: names, spawnable } = operationAt(reader.next(), subject, setting, by);
  read(op, names);
  // B's calls run to their end: what it sees must not depend on time.
  return by === 'A' && spawnable && how & LEFT_UNDER_WAY ? { by, op, args, spawn: true } : { by, op, args };
}
