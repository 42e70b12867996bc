/** What software posts to a queue, and what it gets back; both little-endian in host memory. */
import { getU64 } from './u64.ts';

/** A descriptor, 32 bytes. */
export const JOB = { SRC: 0x00, DST: 0x08, LENGTH: 0x10, OPCODE: 0x14, COOKIE: 0x18, SIZE: 0x20 } as const;
/** A completion, 16 bytes. */
export const COMPLETION = { COOKIE: 0x00, STATUS: 0x08, SEQUENCE: 0x0c, SIZE: 0x10 } as const;

export const JOB_OP = {
  NOP: 0,
  /** Host memory at SRC to host memory at DST. */
  COPY: 1,
  /** The low 32 bits of SRC, over and over, to host memory at DST. */
  FILL: 2,
  /** Two words to DST: the checksum of LENGTH bytes at SRC, and the same keyed with this VHCA's secret. */
  READ_CHECKSUM: 3,
  /** Host memory at SRC to device memory at offset DST. */
  STORE: 4,
  /** Device memory at offset SRC to host memory at DST. */
  LOAD: 5,
} as const;

/** Most bytes one job may move. */
export const JOB_MAX = 0x1_0000;

/** A fetched descriptor. Addresses may be 2^53 or more: then they cannot be reached. */
export interface Job {
  readonly src: number;
  readonly srcLow: number;
  readonly dst: number;
  readonly length: number;
  readonly opcode: number;
  /** Handed back as it is. */
  readonly cookieLow: number;
  readonly cookieHigh: number;
}

export function decodeJob(bytes: Uint8Array): Job {
  const view = new DataView(bytes.buffer, bytes.byteOffset, JOB.SIZE);
  return {
    src: getU64(view, JOB.SRC, true),
    srcLow: view.getUint32(JOB.SRC, true),
    dst: getU64(view, JOB.DST, true),
    length: view.getUint32(JOB.LENGTH, true),
    opcode: view.getUint32(JOB.OPCODE, true),
    cookieLow: view.getUint32(JOB.COOKIE, true),
    cookieHigh: view.getUint32(JOB.COOKIE + 4, true),
  };
}
