/**
 * The VF's BAR 0. Everything but the ICM window is 32 bits wide, little-endian; a narrower read gives that part of the
 * register, a narrower write is dropped. What is not listed reads 0 and drops writes.
 *
 *   0x00000  device registers      0x00100  four queues, 0x40 bytes each
 *   0x02000  MSI-X table           0x03000  MSI-X pending bits (both answered by the function, not by the model)
 *   0x10000  64 KiB window on the device memory ("ICM"), starting at ICM_WINDOW; any width
 */
export const VF_BAR_SIZE = 0x2_0000;
export const VF_VECTORS = 8;

export const VF_REG = {
  /** Read-only: "MLX5" and the interface version. */
  ID: 0x00,
  VERSION: 0x04,
  /** Read-only: number of queues, bytes of ICM. */
  QUEUES: 0x08,
  ICM_SIZE: 0x0c,
  /** Offset in the ICM of the window's first byte; a multiple of 4096. */
  ICM_WINDOW: 0x10,
  SCRATCH: 0x20,
  /** Read-only 64-bit counters: completions written, bytes moved by jobs. */
  COMPLETIONS_LO: 0x40,
  COMPLETIONS_HI: 0x44,
  BYTES_LO: 0x48,
  BYTES_HI: 0x4c,
} as const;
export const VF_ID = 0x3558_4c4d;
export const VF_VERSION = 1;
export const SCRATCHES = 8;

export const QUEUE_BASE = 0x100;
export const QUEUE_STRIDE = 0x40;
export const QUEUES = 4;
/** Register words a queue occupies in the register file. */
export const QUEUE_WORDS = QUEUE_STRIDE / 4;

/** A register of one queue: its byte offset and the bits software (and an image) may set. */
export interface QueueRegister {
  readonly name: string;
  readonly at: number;
  readonly mask: number;
  /** Cannot be written while the queue is enabled, or ever. */
  readonly access: 'locked' | 'always' | 'read-only';
}

export const Q = {
  /** Descriptor ring: IOVA (below 2^53), entries (a power of two up to RING_MAX). */
  RING_LO: 0x00,
  RING_HI: 0x04,
  RING_SIZE: 0x08,
  /** Doorbell: free-running count of descriptors posted. */
  PRODUCER: 0x0c,
  /** Free-running count of descriptors completed. */
  CONSUMER: 0x10,
  /** Bit 0: enable. Rising: counts start at 0. Falling: the queue stops, an unfinished job is forgotten. */
  CONTROL: 0x14,
  /** Completion ring, as many entries as the descriptor ring. */
  CQ_LO: 0x18,
  CQ_HI: 0x1c,
  /** MSI-X vector raised with every completion. */
  VECTOR: 0x20,
  /** State 7:0, error code 15:8. */
  STATUS: 0x24,
} as const;

export const QUEUE_REGISTERS: readonly QueueRegister[] = [
  { name: 'RING_LO', at: Q.RING_LO, mask: 0xffff_ffe0, access: 'locked' },
  { name: 'RING_HI', at: Q.RING_HI, mask: 0x001f_ffff, access: 'locked' },
  { name: 'RING_SIZE', at: Q.RING_SIZE, mask: 0xffff_ffff, access: 'locked' },
  { name: 'PRODUCER', at: Q.PRODUCER, mask: 0xffff_ffff, access: 'always' },
  { name: 'CONSUMER', at: Q.CONSUMER, mask: 0xffff_ffff, access: 'read-only' },
  { name: 'CONTROL', at: Q.CONTROL, mask: 0x0000_0001, access: 'always' },
  { name: 'CQ_LO', at: Q.CQ_LO, mask: 0xffff_fff0, access: 'locked' },
  { name: 'CQ_HI', at: Q.CQ_HI, mask: 0x001f_ffff, access: 'locked' },
  { name: 'VECTOR', at: Q.VECTOR, mask: VF_VECTORS - 1, access: 'locked' },
  { name: 'STATUS', at: Q.STATUS, mask: 0x0000_ffff, access: 'read-only' },
];

export const CONTROL_ENABLE = 1;
export const RING_MAX = 1024;
export const QUEUE_STATE = { IDLE: 0, RUNNING: 1, ERROR: 2 } as const;
/** Error codes: in STATUS, and as the status of the job's completion. */
export const JOB_STATUS = {
  OK: 0,
  /** Ring size not a power of two up to RING_MAX. */
  BAD_RING: 1,
  /** More descriptors posted than the ring holds. */
  OVERRUN: 2,
  /** The descriptor could not be read. */
  FETCH: 3,
  /** Unknown opcode, length over the cap, or outside the ICM. */
  BAD_JOB: 4,
  /** Source or destination could not be reached. */
  DMA: 5,
  /** The completion could not be written. */
  COMPLETION: 6,
} as const;

export const ICM_WINDOW_AT = 0x1_0000;
export const ICM_WINDOW_SIZE = 0x1_0000;
export const ICM_PAGE = 4096;
