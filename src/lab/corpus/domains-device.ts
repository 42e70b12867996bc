/** Arguments of what any tenant of a device can do. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { faultsOf } from '../operations/faulty-stream.ts';
import { BUFFER_BYTES, VECTORS } from '../tenant.ts';
import {
  type ArgumentPlace,
  BYTE,
  type DomainOf,
  type DomainTable,
  FLAG,
  inRange,
  oneOf,
  upTo,
  WORD,
} from './domain.ts';

/** Bytes of one call: more would not fit into a tenant's memory for arguments. */
const BYTES = upTo(0x1_0000);
/** What a fault is about, counted within what there is. */
const CHOICE = upTo(0xffff);

const ANYWHERE = inRange({ most: 2 ** 52 });
/** Around the window for interrupt messages. Only A forges them: which vector is whose is the host's, and B must not depend on it. */
const NEIGHBOURLY = inRange({ most: 2 ** 52, without: [0xfe00_0000, 0x1_0000_0000] });
const address: DomainOf = (place) => (place.by === 'A' ? ANYWHERE : NEIGHBOURLY)(place);

const vectorsOf = ({ profile }: ArgumentPlace): number => profile.vectors?.count ?? 1;
const portsOf = ({ profile }: ArgumentPlace): number => profile.serial?.ports ?? 1;
const before = ({ args }: ArgumentPlace, name: string): number => args[name] ?? 0;
const streamFault: DomainOf = ({ variant }) => ({ oneOf: faultsOf(variant.declaration.formats[0]) });

export const DEVICE_DOMAINS: DomainTable = {
  'look.what': upTo(5),
  'config_read.offset': WORD,
  'config_read.length': upTo(4096),
  'config_write.offset': WORD,
  'config_write.width': oneOf(1, 2, 4),
  'config_write.value': WORD,
  'bar_read.offset': WORD,
  'bar_read.length': upTo(4096),
  'bar_write.offset': WORD,
  'bar_write.value': WORD,
  'info.kind': upTo(3),
  'info.index': WORD,
  'mmap.region': upTo(0xff),
  'mmap.offset': inRange({ most: 16 * PAGE_SIZE, unit: PAGE_SIZE }),
  'mmap.pages': upTo(16, 1),
  'map.page': upTo(BUFFER_BYTES / PAGE_SIZE - 1),
  // Of the tenant's buffer: behind it lie the arguments of its calls.
  'map.pages': (place) => ({ least: 1, most: BUFFER_BYTES / PAGE_SIZE - before(place, 'page') }),
  'map.iova': address,
  'map.flags': WORD,
  'unmap.iova': address,
  'unmap.size': upTo(2 ** 52),
  'unmap.all': FLAG,
  'job.kind': ({ profile }) => ({ most: (profile.dma?.kinds ?? 1) - 1 }),
  'job.queue': FLAG,
  'job.source': address,
  'job.target': address,
  'job.length': WORD,
  'arm.start': (place) => ({ most: vectorsOf(place) - 1 }),
  'arm.count': (place) => ({ least: 1, most: vectorsOf(place) - before(place, 'start') }),
  'arm.event': upTo(VECTORS - 1),
  'set_irqs_odd.index': WORD,
  'set_irqs_odd.flags': WORD,
  'set_irqs_odd.start': WORD,
  'set_irqs_odd.count': WORD,
  'set_state.state': WORD,
  'read.length': BYTES,
  'read.dead': FLAG,
  'fail.command': ({ profile }) => ({ oneOf: [0, ...(profile.failures?.commands ?? [])] }),
  'fail.nth': upTo(8, 1),
  'fail.status': ({ profile }) => ({ oneOf: profile.failures?.statuses ?? [0] }),
  'feature_odd.feature': upTo(7),
  'feature_odd.how': upTo(7),
  'feature_odd.unknown': upTo(3),
  'feature_odd.argsz': upTo(12),
  'feature_odd.value': BYTE,
  'file_odd.kind': upTo(7),
  'log_odd.kind': upTo(11),
  'poll_file.length': BYTES,
  'poll_file.dead': FLAG,
  'poll_file.early': FLAG,
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
  'odd_transfer.good': BYTE,
  'round_trip.out': BYTES,
  'round_trip.into': BYTES,
  'round_trip.between': upTo(2),
  'round_trip.begin': upTo(5),
  'log_start.iova': address,
  // More bytes than that are no number that is exact.
  'log_start.pages': upTo(2 ** 40),
  'log_start.pageSize': WORD,
  'log_start.ranges': WORD,
  'log_start.gap': WORD,
  'log_report.range': WORD,
  'log_report.logPage': upTo(63),
  'log_guest.rearm': FLAG,
  'meet.first': BYTE,
  'meet.second': BYTE,
  'meet.order': WORD,
  'meet.salt': WORD,
  'log_round.bank': upTo(2),
  'log_round.page': upTo(3),
  'log_round.queue': upTo(3),
  // One port more than there are: that region is empty.
  'port_write.port': (place) => ({ most: portsOf(place) }),
  'port_write.register': upTo(7),
  'port_write.value': BYTE,
  'port_read.port': (place) => ({ most: portsOf(place) }),
  'port_read.register': upTo(7),
  'port_read.length': upTo(8, 1),
  'loop.port': (place) => ({ most: portsOf(place) - 1 }),
  'loop.fresh': FLAG,
  'loop.count': upTo(20),
  'loop.back': upTo(20),
  'loop.value': BYTE,
  'arm_line.msi': FLAG,
  'arm_line.event': upTo(VECTORS - 1),
  'disarm_line.msi': FLAG,
  'trigger_line.msi': FLAG,
  'trigger_line.kind': upTo(2),
  'mask_line.on': FLAG,
  'mask_line.kind': upTo(2),
};
