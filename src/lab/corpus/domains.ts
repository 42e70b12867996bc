/**
 * Which arguments mean something. Tenants may pass anything to the kernel, but an operation is more than a call: some
 * arguments index what the lab keeps, or say how often. A number from outside is brought inside; one that a campaign
 * could have chosen stays as it is.
 */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { DeclaredVariant } from '../../variant/variant.ts';
import { faultsOf } from '../operations/faulty-stream.ts';
import type { Args } from '../operations/operation.ts';
import type { DeviceProfile } from '../profiles/profile.ts';
import type { Actor } from '../scenario.ts';
import { BUFFER_BYTES, VECTORS } from '../tenant.ts';

/** Numbers that an argument can be: a list, or those from `least` to `most` that are multiples of `unit`. */
export type Domain = { readonly oneOf: readonly number[] } | Range;

interface Range {
  readonly least?: number;
  readonly most: number;
  readonly unit?: number;
  /** Numbers in [from, to) are not in it. */
  readonly without?: readonly [from: number, to: number];
}

/** Whose argument it is, on which device, and the arguments declared before it. */
export interface ArgumentPlace {
  readonly by: Actor;
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
  readonly args: Args;
}

type DomainOf = (place: ArgumentPlace) => Domain;

const upTo = (most: number, least = 0): DomainOf => {
  const range = { least, most };
  return () => range;
};
const FLAG = upTo(1);
const WORD = upTo(0xffff_ffff);
/** Bytes of one call: more would not fit into a tenant's memory for arguments. */
const BYTES = upTo(0x1_0000);

const ANYWHERE: Domain = { most: 2 ** 52 };
/** Around the window for interrupt messages. Only A forges them: which vector is whose is the host's, and B must not depend on it. */
const NEIGHBOURLY: Domain = { most: 2 ** 52, without: [0xfe00_0000, 0x1_0000_0000] };
const address: DomainOf = ({ by }) => (by === 'A' ? ANYWHERE : NEIGHBOURLY);

const vectorsOf = ({ profile }: ArgumentPlace): number => profile.vectors?.count ?? 1;
const streamFault: DomainOf = ({ variant }) => ({ oneOf: faultsOf(variant.declaration.formats[0]) });
/** What a fault is about, counted within what there is. */
const CHOICE = upTo(0xffff);
const portsOf = ({ profile }: ArgumentPlace): number => profile.serial?.ports ?? 1;
const before = ({ args }: ArgumentPlace, name: string): number => args[name] ?? 0;

/** By operation and argument. */
const DOMAINS: Readonly<Record<string, DomainOf>> = {
  'look.what': upTo(5),
  'config_read.length': upTo(4096),
  'config_write.width': () => ({ oneOf: [1, 2, 4] }),
  'bar_read.length': upTo(4096),
  'info.kind': upTo(3),
  'mmap.region': upTo(0xff),
  'mmap.offset': () => ({ most: 16 * PAGE_SIZE, unit: PAGE_SIZE }),
  'mmap.pages': upTo(16, 1),
  'map.page': upTo(BUFFER_BYTES / PAGE_SIZE - 1),
  // Of the tenant's buffer: behind it lie the arguments of its calls.
  'map.pages': (place) => ({ least: 1, most: BUFFER_BYTES / PAGE_SIZE - before(place, 'page') }),
  'unmap.size': upTo(2 ** 52),
  'unmap.all': FLAG,
  'job.kind': ({ profile }) => ({ most: (profile.dma?.kinds ?? 1) - 1 }),
  'job.queue': FLAG,
  'arm.start': (place) => ({ most: vectorsOf(place) - 1 }),
  'arm.count': (place) => ({ least: 1, most: vectorsOf(place) - before(place, 'start') }),
  'arm.event': upTo(VECTORS - 1),
  'read.length': BYTES,
  'read.dead': FLAG,
  'fail.command': ({ profile }) => ({ oneOf: [0, ...(profile.failures?.commands ?? [])] }),
  'fail.nth': upTo(8, 1),
  'fail.status': ({ profile }) => ({ oneOf: profile.failures?.statuses ?? [0] }),
  'write.fault': streamFault,
  'write.part': CHOICE,
  'write.place': CHOICE,
  'write.value': CHOICE,
  'write.chunk': BYTES,
  'load.fault': streamFault,
  'load.part': CHOICE,
  'load.place': CHOICE,
  'load.value': CHOICE,
  'load.chunk': BYTES,
  // Numbers of a length and of a place.
  'odd_transfer.length': upTo(13),
  'odd_transfer.place': upTo(2),
  'odd_transfer.good': upTo(0xff),
  'round_trip.out': BYTES,
  'round_trip.into': BYTES,
  'round_trip.between': upTo(2),
  'round_trip.begin': upTo(3),
  // More bytes than that are no number that is exact.
  'log_start.pages': upTo(2 ** 40),
  // One port more than there are: that region is empty.
  'port_write.port': (place) => ({ most: portsOf(place) }),
  'port_write.register': upTo(7),
  'port_write.value': upTo(0xff),
  'port_read.port': (place) => ({ most: portsOf(place) }),
  'port_read.register': upTo(7),
  'port_read.length': upTo(8, 1),
  'loop.port': (place) => ({ most: portsOf(place) - 1 }),
  'loop.fresh': FLAG,
  'loop.count': upTo(20),
  'loop.back': upTo(20),
  'loop.value': upTo(0xff),
  'arm_line.msi': FLAG,
  'arm_line.event': upTo(VECTORS - 1),
  'disarm_line.msi': FLAG,
  'trigger_line.msi': FLAG,
  'trigger_line.kind': upTo(2),
  'mask_line.on': FLAG,
  'mask_line.kind': upTo(2),
};

/** By argument alone. */
const ADDRESSES: ReadonlySet<string> = new Set(['iova', 'source', 'target']);

/** The number nearest in meaning that the argument can be. */
export function within(op: string, name: string, value: number, place: ArgumentPlace): number {
  const of = DOMAINS[`${op}.${name}`] ?? (ADDRESSES.has(name) ? address : WORD);
  return bring(Number.isFinite(value) ? Math.abs(Math.trunc(value)) : 0, of(place));
}

function bring(value: number, domain: Domain): number {
  if ('oneOf' in domain) {
    const { oneOf } = domain;
    return oneOf.includes(value) ? value : oneOf[value % oneOf.length]!;
  }
  const { least = 0, most, unit = 1, without } = domain;
  const inside = value >= least && value <= most ? value : least + (value % (most - least + 1));
  const whole = inside - (inside % unit);
  return without !== undefined && whole >= without[0] && whole < without[1] ? whole - without[0] : whole;
}
