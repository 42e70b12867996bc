/**
 * The migration image: what SAVE_VHCA_STATE writes and LOAD_VHCA_STATE reads, and nobody else understands. Big-endian;
 * nothing in it names a VHCA. One image is a header and records; a large one may be cut into parts, each an image itself.
 * A stream of images starts with a full one; each following one has BASE = that one's checksum, and the next SEQUENCE.
 */
import { viewOf, zeroedBytes } from '../../bytes.ts';
import { checksum } from './checksum.ts';
import type { SavedPage } from './icm.ts';
import type { SavedRegisters } from './saved-state.ts';
import { ICM_PAGE, QUEUE_REGISTERS, QUEUES, SCRATCHES } from './vf-registers.ts';
import { newQueues } from './vf-state.ts';

/** Header fields. Bytes 0x20 to 0x3f are zero. */
export const IMAGE = {
  MAGIC: 0x00,
  /** Over everything that follows it. */
  CHECKSUM: 0x04,
  VERSION: 0x08,
  FLAGS: 0x0a,
  /** Bytes of the image, header included. */
  LENGTH: 0x0c,
  BASE: 0x10,
  SEQUENCE: 0x14,
  RECORDS: 0x18,
  /** Pages of device memory the source has. */
  ICM_PAGES: 0x1c,
  SIZE: 0x40,
} as const;
export const IMAGE_MAGIC = 0x56484341;
export const IMAGE_VERSION = 1;
export const IMAGE_FLAG = {
  /** Pages not listed stay as they are. */
  INCREMENTAL: 0x1,
  /** Not the last part. */
  MORE: 0x2,
  /** Not the first part: pages only. */
  CONTINUED: 0x4,
  /** Tracking was given up; nothing is in it and nothing can be done with it. */
  ABANDONED: 0x8,
} as const;

/** A record: type u16, zero u16, index u32, length u32, zero u32; then the data. */
export const RECORD_HEADER = 0x10;
export const RECORD = { DEVICE: 1, QUEUE: 2, ICM_PAGE: 3, ICM_ZERO: 4 } as const;
/** Window, scratch, counters, key; padded to a multiple of 16. */
export const DEVICE_LENGTH = 0x40;
/** The queue's registers in table order and its sequence number; padded to a multiple of 16. */
export const QUEUE_LENGTH = 0x30;

/** An image with the device's registers and no page: the least that can be loaded. */
export const REGISTERS_SIZE = IMAGE.SIZE + RECORD_HEADER + DEVICE_LENGTH + QUEUES * (RECORD_HEADER + QUEUE_LENGTH);

/** Bytes one page takes. */
export function pageSize(page: SavedPage): number {
  return page.bytes === undefined ? RECORD_HEADER : RECORD_HEADER + ICM_PAGE;
}

/** What an image is besides its records. */
export interface ImageHeader {
  readonly flags: number;
  readonly base: number;
  readonly sequence: number;
  readonly icmPages: number;
}

/** An image taken apart. `registers` is there unless it is a later part. */
export interface Image {
  readonly header: ImageHeader;
  readonly checksum: number;
  readonly registers: SavedRegisters | undefined;
  readonly pages: readonly SavedPage[];
}

export function encodeImage(
  header: ImageHeader,
  registers: SavedRegisters | undefined,
  pages: readonly SavedPage[],
): Uint8Array {
  let length = registers === undefined ? IMAGE.SIZE : REGISTERS_SIZE;
  for (const page of pages) length += pageSize(page);
  const bytes = zeroedBytes(length);
  const view = viewOf(bytes);
  view.setUint32(IMAGE.MAGIC, IMAGE_MAGIC);
  view.setUint16(IMAGE.VERSION, IMAGE_VERSION);
  view.setUint16(IMAGE.FLAGS, header.flags);
  view.setUint32(IMAGE.LENGTH, length);
  view.setUint32(IMAGE.BASE, header.base);
  view.setUint32(IMAGE.SEQUENCE, header.sequence);
  view.setUint32(IMAGE.RECORDS, (registers === undefined ? 0 : 1 + QUEUES) + pages.length);
  view.setUint32(IMAGE.ICM_PAGES, header.icmPages);
  let at = registers === undefined ? IMAGE.SIZE : encodeRegisters(view, IMAGE.SIZE, registers);
  for (const { index, bytes: data } of pages) {
    at = record(view, at, data === undefined ? RECORD.ICM_ZERO : RECORD.ICM_PAGE, index, data?.length ?? 0);
    if (data === undefined) continue;
    bytes.set(data, at);
    at += data.length;
  }
  view.setUint32(IMAGE.CHECKSUM, checksum(bytes, IMAGE.VERSION, length));
  return bytes;
}

/** The checksum an encoded image carries. */
export function checksumOf(image: Uint8Array): number {
  return viewOf(image).getUint32(IMAGE.CHECKSUM);
}

function encodeRegisters(view: DataView, start: number, registers: SavedRegisters): number {
  let at = record(view, start, RECORD.DEVICE, 0, DEVICE_LENGTH);
  const end = at + DEVICE_LENGTH;
  view.setUint32(at, registers.icmWindow);
  at += 4;
  for (const words of [registers.scratch, registers.counters, registers.key])
    for (const word of words) {
      view.setUint32(at, word);
      at += 4;
    }
  at = end;
  for (let queue = 0; queue < QUEUES; queue++) {
    at = record(view, at, RECORD.QUEUE, queue, QUEUE_LENGTH);
    const words = registers.queues[queue]!;
    QUEUE_REGISTERS.forEach((register, i) => {
      view.setUint32(at + 4 * i, words[register.at / 4]!);
    });
    view.setUint32(at + 4 * QUEUE_REGISTERS.length, registers.sequence[queue]!);
    at += QUEUE_LENGTH;
  }
  return at;
}

function record(view: DataView, at: number, type: number, index: number, length: number): number {
  view.setUint16(at, type);
  view.setUint32(at + 4, index);
  view.setUint32(at + 8, length);
  return at + RECORD_HEADER;
}

/** Empty registers for a decoder to fill. */
export function blankRegisters(): { -readonly [K in keyof SavedRegisters]: SavedRegisters[K] } {
  return {
    queues: newQueues(),
    scratch: new Uint32Array(SCRATCHES),
    counters: new Uint32Array(4),
    icmWindow: 0,
    sequence: new Uint32Array(QUEUES),
    key: new Uint32Array(2),
  };
}
