/**
 * The migration stream of the serial card as a declaration (samples/vfio-mdev/mtty.c: struct mtty_data, struct
 * serial_port): a header of 24 bytes and 36 bytes a port, little-endian.
 *
 * The kernel's sample copies a port over as it comes. Here the places in the FIFO pass a check first, because the next
 * byte sent or received goes where they point.
 */
import {
  type AnySafeguard,
  defineSafeguards,
  type FieldDeclaration,
  type FieldType,
  layoutFormat,
} from '../../src/variant/index.ts';
import { FIFO, PORT_BYTES } from './registers.ts';

export const MAGIC = 0x7e9d_0989_8c3e_2c4en;
export const MAJOR = 1;
export const MINOR = 0;

export const SAFEGUARDS = defineSafeguards('vfio-mtty', {
  FITS: {
    checks: 'no more than a whole stream is written',
    errno: 'ENOMEM',
    holds: (end: number, whole: number) => end <= whole,
  },
  MAGIC: { checks: 'the magic number', errno: 'EFAULT', holds: (magic: bigint) => magic === MAGIC },
  MAJOR: { checks: 'the major version', errno: 'EFAULT', holds: (version: number) => version === MAJOR },
  MINOR: { checks: 'the minor version', errno: 'EFAULT', holds: (version: number) => version === MINOR },
  PORTS: {
    checks: 'as many ports as this device has',
    errno: 'EFAULT',
    holds: (count: number, ports: number) => count === ports,
  },
  FLAGS: { checks: 'no flags', errno: 'EFAULT', holds: (flags: number) => flags === 0 },
  WHOLE: {
    checks: 'RESUMING is left with a whole stream only',
    errno: 'EINVAL',
    holds: (filled: number, whole: number) => filled === whole,
  },
  PLACE: { checks: 'a place in the FIFO', errno: 'EINVAL', holds: (place: number) => place < FIFO },
  COUNT: { checks: 'no more bytes than the FIFO holds', errno: 'EINVAL', holds: (count: number) => count <= FIFO },
  SIZE: { checks: 'the whole FIFO or one byte', errno: 'EINVAL', holds: (size: number) => size === 1 || size === FIFO },
  OWN: {
    checks: 'any value: only its user gets it back',
    errno: 'EINVAL',
    redundant:
      'it refuses nothing, so it cannot be missed: it is the declaration that the driver takes this field as it comes, without which the field stays untrusted',
    holds: (_value: number) => true,
  },
});
const { PLACE, COUNT, SIZE, OWN } = SAFEGUARDS;

type About = Partial<Pick<FieldDeclaration, 'otherwise' | 'values'>>;

function head<T extends FieldType, G extends AnySafeguard[]>(
  offset: number,
  type: T,
  meaning: string,
  values: readonly (number | bigint)[],
  ...safeguards: G
) {
  const constraint = safeguards.length > 0 ? 'exactly this' : 'as many as the device has';
  return {
    offset,
    type,
    meaning,
    producer: 'driver',
    userVisible: 'constant',
    constraint,
    values,
    safeguards,
  } as const;
}

function state<T extends FieldType, G extends AnySafeguard[], A extends About>(
  offset: number,
  type: T,
  meaning: string,
  about: A,
  ...safeguards: G
) {
  const constraint = safeguards[0]?.checks ?? 'not read: follows from the registers';
  const seen = { producer: 'port', userVisible: 'by reading the port' } as const;
  return { offset, type, meaning, ...seen, constraint, safeguards, ...about } as const;
}

const block = (offset: number, length: number, meaning: string) =>
  ({ offset, length, meaning, producer: 'port', userVisible: 'by reading the port', constraint: 'any bytes' }) as const;

export const FORMAT = layoutFormat({
  name: 'mtty_data',
  summary: 'A header and the ports behind it. In PRE_COPY there is the header only.',
  compatibility: 'Both version numbers and the number of ports must be those of the device.',
  order: ['The header first, then the ports by number.'],
  littleEndian: true,
  header: {
    magic: head(0, 'u64', 'what this is', [MAGIC], SAFEGUARDS.MAGIC),
    major_ver: head(8, 'u32', 'layout', [MAJOR], SAFEGUARDS.MAJOR),
    minor_ver: head(12, 'u32', 'layout', [MINOR], SAFEGUARDS.MINOR),
    nr_ports: head(16, 'u32', 'ports that follow', [2]),
    flags: head(20, 'u32', 'none is defined', [0], SAFEGUARDS.FLAGS),
  },
  countField: 'nr_ports',
  count: SAFEGUARDS.PORTS,
  section: {
    name: 'port',
    size: 36,
    fields: {
      head: state(24, 'u8', 'where the next byte sent goes', { otherwise: 0, values: [0, 3, FIFO] }, PLACE),
      tail: state(25, 'u8', 'where the next byte received comes from', { otherwise: 0, values: [0, 3, FIFO] }, PLACE),
      count: state(26, 'u8', 'bytes in the FIFO', { otherwise: 0, values: [0, 3, FIFO] }, COUNT),
      dlab: state(27, 'u8', 'the divisor is accessible', { values: [0, 1] }),
      overrun: state(28, 'u8', 'a byte was lost', { values: [0, 1] }, OWN),
      divisor: state(30, 'u16', 'of the clock', { values: [0, 12] }, OWN),
      fcr: state(32, 'u8', 'FIFO control', { values: [0, 1] }, OWN),
      max_fifo_size: state(33, 'u8', 'bytes the FIFO takes', { otherwise: 1, values: [1, FIFO] }, SIZE),
      intr_trigger_level: state(34, 'u8', 'bytes at which an interrupt is due', { values: [1] }, OWN),
    },
    blocks: {
      registers: block(0, PORT_BYTES, 'the registers, in the order of their addresses'),
      fifo: block(8, FIFO, 'bytes sent, of which the last ones have not been received'),
    },
  },
});
