/** Which bytes go into a data file: a valid stream, or one with a fault that the arguments of the step name. */
import { viewOf } from '../../kernel/bytes.ts';
import { writeField } from '../../variant/field.ts';
import type { MigrationFormat, StreamFault } from '../../variant/format.ts';
import { RecordFormat } from '../../variant/record-format.ts';
import { join } from '../../variant/record-stream.ts';
import type { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Args } from './operation.ts';

/** The arguments: `fault` 0 none, else a kind of the format plus 1, or one of {@link OF_THE_LAB}; `chunk` bytes a call. */
export const STREAM_ARGS = ['fault', 'part', 'place', 'value', 'chunk'] as const;

/** Kinds that need more than one stream, or what only the lab knows of the device; numbers from here on. */
const FIRST_OF_THE_LAB = 100;

type LabFault = (valid: Uint8Array, fault: StreamFault, tenant: Tenant, world: World) => Uint8Array;

/** The kind of no record of any format. */
const UNKNOWN_TAG = 0x7ff5;
/** No fault: a reader that does not know such a record goes on behind it. */
const SKIPPABLE = 'a record more, which may be skipped';

const OF_THE_LAB: Readonly<Record<string, LabFault>> = {
  'the same stream twice': (valid) => join([valid, valid]),
  'an older stream': (valid, _fault, tenant, world) => tenant.older ?? world.profile.sample(world) ?? valid,
  'the tail of another save': (valid, { part, place }, tenant, world) => {
    const other = tenant.older ?? world.profile.sample(world);
    const from = world.variant.declaration.formats[0]!.headerSize * (part % 4) + place;
    return join([valid.subarray(0, from), other.subarray(from)]);
  },
  'a word of the device’s own data, sealed again': (valid, fault, _tenant, world) =>
    world.profile.forge?.(valid, fault) ?? valid,
  [SKIPPABLE]: (valid, { part, place }, _tenant, world) => withSkippable(valid, part, place, world),
};

/** Whether the stream is another than a device saved, in more than what its reader skips. */
export const isFaulty = ({ fault = 0 }: Args): boolean =>
  fault !== 0 && (fault < FIRST_OF_THE_LAB || LAB_NAMES[(fault - FIRST_OF_THE_LAB) % LAB_NAMES.length] !== SKIPPABLE);

const LAB_NAMES = Object.keys(OF_THE_LAB);

/** The stream with a record of no known kind in it, marked as one that may be skipped, of `place` % 100 bytes. */
function withSkippable(valid: Uint8Array, part: number, place: number, world: World): Uint8Array {
  const [format] = world.variant.declaration.formats;
  if (!(format instanceof RecordFormat) || format.definition.optionalFlag.mask === 0) return valid;
  const { header, lengthField, tagField, optionalFlag, littleEndian } = format.definition;
  const record = new Uint8Array(format.headerSize + (place % 100)).fill(0xa5, format.headerSize);
  const view = viewOf(record);
  writeField(view, 0, header[lengthField]!, place % 100, littleEndian);
  writeField(view, 0, header[tagField]!, UNKNOWN_TAG, littleEndian);
  writeField(view, 0, header[optionalFlag.field]!, optionalFlag.mask, littleEndian);
  const { records, tail } = format.split(valid);
  const at = part % (records.length + 1);
  return join([...records.slice(0, at), record, ...records.slice(at), tail]);
}

/** Every number that `fault` can be. */
export const faultsOf = (format: MigrationFormat | undefined): number[] => [
  0,
  ...(format?.faults ?? []).map((_, kind) => kind + 1),
  ...LAB_NAMES.map((_, number) => FIRST_OF_THE_LAB + number),
];

/** A valid stream a third of the time, else one with a fault. */
export function streamArgs(random: Random, world: World): Args {
  const [format] = world.variant.declaration.formats;
  const chunk = chunkSize(random, format!);
  if (random.chance(35)) return { fault: 0, part: 0, place: 0, value: 0, chunk };
  const choice = random.below(10);
  const fault =
    choice < 3
      ? 1 + random.pick(bending(format!))
      : choice < 6
        ? 1 + random.below(format!.faults.length)
        : FIRST_OF_THE_LAB + (choice < 9 && world.profile.forge ? 3 : random.below(LAB_NAMES.length));
  const place = random.chance(50) ? random.below(8) : random.below(600);
  return {
    fault,
    part: random.chance(70) ? random.below(4) : random.below(2000),
    place,
    value: random.below(64),
    chunk,
  };
}

/** Faults of a field: what a reader believes or does not. */
const bending = ({ faults }: MigrationFormat): number[] =>
  [...faults.keys()].filter((kind) => faults[kind]!.startsWith('bend'));

/** Sizes of calls: all at once, byte by byte, around a header, or any. */
export function chunkSize(random: Random, { headerSize }: MigrationFormat): number {
  return random.chance(50)
    ? 65536
    : random.pick([1, headerSize - 1, headerSize, headerSize + 1, 2 + random.below(200), 4096]);
}

/** The stream that the arguments stand for. */
export function streamOf(tenant: Tenant, args: Args, world: World): Uint8Array {
  const valid = tenant.stream ?? world.profile.sample(world);
  const { fault: number = 0, part = 0, place = 0, value = 0 } = args;
  if (number === 0) return valid;
  if (number >= FIRST_OF_THE_LAB) {
    const make = OF_THE_LAB[LAB_NAMES[(number - FIRST_OF_THE_LAB) % LAB_NAMES.length]!]!;
    return make(valid, { kind: 0, part, place, value }, tenant, world);
  }
  return world.variant.declaration.formats[0]!.withFault(valid, { kind: number - 1, part, place, value });
}

/** The fault of a step in words; undefined: it has none. */
export function describeStreamFault(args: Args, format: MigrationFormat | undefined): string | undefined {
  const { fault = 0, part = 0, place = 0, value = 0 } = args;
  if (fault === 0) return undefined;
  if (fault < FIRST_OF_THE_LAB) return format?.describeFault({ kind: fault - 1, part, place, value });
  return `${LAB_NAMES[(fault - FIRST_OF_THE_LAB) % LAB_NAMES.length]}: ${part}, ${place}, ${value}`;
}
