/**
 * Reading an image. Its bytes came through a user's hands, so everything is checked before anything is believed: the
 * result is a complete image or nothing. Only bounds and shape here; whether it fits the device is the session's business.
 */
import { checksum } from './checksum.ts';
import type { SavedPage } from './icm.ts';
import {
  blankRegisters,
  DEVICE_LENGTH,
  IMAGE,
  IMAGE_FLAG,
  IMAGE_MAGIC,
  IMAGE_VERSION,
  type Image,
  QUEUE_LENGTH,
  RECORD,
  RECORD_HEADER,
  REGISTERS_SIZE,
} from './image.ts';
import { ICM_PAGE, QUEUE_REGISTERS, QUEUES } from './vf-registers.ts';

const { INCREMENTAL, MORE, CONTINUED } = IMAGE_FLAG;

/** The largest image of a device with that much memory. */
export function largestImage(icmBytes: number): number {
  return REGISTERS_SIZE + (icmBytes / ICM_PAGE) * (RECORD_HEADER + ICM_PAGE);
}

/** The length an image header announces, undefined if it is no header of ours. Needs IMAGE.SIZE bytes. */
export function announcedLength(head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (view.getUint32(IMAGE.MAGIC) !== IMAGE_MAGIC || view.getUint16(IMAGE.VERSION) !== IMAGE_VERSION) return undefined;
  return view.getUint32(IMAGE.LENGTH);
}

/** `icmPages`: of the device that is to take it. */
export function decodeImage(bytes: Uint8Array, icmPages: number): Image | undefined {
  if (bytes.length < IMAGE.SIZE || announcedLength(bytes) !== bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sum = view.getUint32(IMAGE.CHECKSUM);
  if (sum !== checksum(bytes, IMAGE.VERSION, bytes.length)) return undefined;
  const flags = view.getUint16(IMAGE.FLAGS);
  if ((flags & ~(INCREMENTAL | MORE | CONTINUED)) !== 0 || view.getUint32(IMAGE.ICM_PAGES) !== icmPages)
    return undefined;
  if (!zeros(view, IMAGE.ICM_PAGES + 4, IMAGE.SIZE)) return undefined;
  const header = { flags, base: view.getUint32(IMAGE.BASE), sequence: view.getUint32(IMAGE.SEQUENCE), icmPages };
  const registers = (flags & CONTINUED) === 0 ? blankRegisters() : undefined;
  const pages: SavedPage[] = [];
  const records = view.getUint32(IMAGE.RECORDS);
  const fixed = registers === undefined ? 0 : 1 + QUEUES;
  if (records < fixed || records - fixed > icmPages) return undefined;
  let at: number = IMAGE.SIZE;
  let lastPage = -1;
  for (let number = 0; number < records; number++) {
    if (at + RECORD_HEADER > bytes.length) return undefined;
    const type = view.getUint16(at);
    const index = view.getUint32(at + 4);
    const length = view.getUint32(at + 8);
    if (view.getUint16(at + 2) !== 0 || view.getUint32(at + 12) !== 0) return undefined;
    at += RECORD_HEADER;
    if (length > bytes.length - at) return undefined;
    // Records have one order: device, queues 0 to 3, pages ascending. So none can come twice or be missing.
    if (number < fixed) {
      if (type !== (number === 0 ? RECORD.DEVICE : RECORD.QUEUE)) return undefined;
      if (index !== (number === 0 ? 0 : number - 1)) return undefined;
      if (length !== (number === 0 ? DEVICE_LENGTH : QUEUE_LENGTH)) return undefined;
      const read = number === 0 ? device(view, at, registers!) : queue(view, at, index, registers!);
      if (!read) return undefined;
    } else {
      if (index <= lastPage || index >= icmPages) return undefined;
      if (type !== RECORD.ICM_PAGE && type !== RECORD.ICM_ZERO) return undefined;
      if (length !== (type === RECORD.ICM_PAGE ? ICM_PAGE : 0)) return undefined;
      pages.push({ index, bytes: length === 0 ? undefined : bytes.subarray(at, at + length) });
      lastPage = index;
    }
    at += length;
  }
  return at === bytes.length ? { header, checksum: sum, registers, pages } : undefined;
}

/** False: padding that is not zero. */
function device(view: DataView, start: number, registers: ReturnType<typeof blankRegisters>): boolean {
  registers.icmWindow = view.getUint32(start);
  let at = start + 4;
  for (const words of [registers.scratch, registers.counters, registers.key])
    for (let i = 0; i < words.length; i++, at += 4) words[i] = view.getUint32(at);
  return zeros(view, at, start + DEVICE_LENGTH);
}

function queue(view: DataView, at: number, index: number, registers: ReturnType<typeof blankRegisters>): boolean {
  QUEUE_REGISTERS.forEach((register, i) => {
    registers.queues[index]![register.at / 4] = view.getUint32(at + 4 * i);
  });
  const last = at + 4 * QUEUE_REGISTERS.length;
  registers.sequence[index] = view.getUint32(last);
  return zeros(view, last + 4, at + QUEUE_LENGTH);
}

function zeros(view: DataView, from: number, to: number): boolean {
  for (let at = from; at < to; at += 4) if (view.getUint32(at) !== 0) return false;
  return true;
}
