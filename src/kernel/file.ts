/**
 * Open files, as struct file and its operations in Linux. The kernel deals in open files; numbers, dup and close belong
 * to the process. A missing operation answers as the VFS does for that kind of file (see the door, process.ts).
 */
import type { Task } from '../../sim/scheduler.ts';
import type { Process } from './process.ts';

/** What a call answers: a count or value ≥ 0, or a negated errno. May be a task when the call may sleep. */
export type Result = number | Task<number>;

/** Poll bits (include/uapi/asm-generic/poll.h). */
export const POLL = { IN: 1, OUT: 4, ERR: 8, HUP: 0x10 } as const;

/**
 * What backs a mapping that is not anonymous memory. Each access may fault.
 * `offset` counts from the start of the mapping's backing, widths are 1, 2, 4 or 8 bytes.
 */
export interface Backing {
  /** Ordinary memory, which is pinned and charged like anonymous pages; else it is a device's. */
  readonly ordinary?: boolean;
  /** Copies bytes out; false is SIGBUS. */
  load(offset: number, into: Uint8Array): boolean;
  /** Copies bytes in; false is SIGBUS. */
  store(offset: number, bytes: Uint8Array): boolean;
  /** The physical address behind `offset` when it may be mapped for DMA (follow_pfn); undefined: EFAULT. */
  physical(offset: number): number | undefined;
  /** The mapping came to be (open) or went (close); a device backing keeps its file alive this way. */
  opened?(): void;
  closed?(): void;
}

/** Arguments of mmap that a file sees. `offset` is the file offset in bytes. */
export interface MmapRequest {
  readonly offset: number;
  readonly length: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly shared: boolean;
}

/**
 * An open file description. Data of read and write goes through the caller's memory at `address`, so a fault is the
 * file's own EFAULT. `position` is the offset of pread/pwrite, or undefined for read/write (the file keeps its own).
 */
export interface OpenFile {
  /** What /proc/PID/fd would show, e.g. `anon_inode:[eventfd]`. */
  readonly name: string;
  /** False for files opened read-only: write answers EBADF. */
  readonly writable?: boolean;
  /** False for files opened write-only: read answers EBADF. */
  readonly readable?: boolean;
  /** O_NONBLOCK of the open file description; set by open and fcntl, looked at by reads that may sleep. */
  nonblock?: boolean;
  ioctl?(caller: Process, command: number, argument: number): Result;
  read?(caller: Process, address: number, length: number, position: number | undefined): Result;
  write?(caller: Process, address: number, length: number, position: number | undefined): Result;
  /** A backing, or a negated errno. */
  mmap?(caller: Process, request: MmapRequest): Backing | number;
  poll?(): number;
  /** The last reference went. */
  release?(): void | Task<void>;
}

/** A counted reference to an open file: one per descriptor, mapping, or kernel user (fget/fput). */
export class FileReference {
  readonly file: OpenFile;
  private users = 1;
  constructor(file: OpenFile) {
    this.file = file;
  }
  get count(): number {
    return this.users;
  }
  get(): this {
    this.users++;
    return this;
  }
  /** Drops one reference; the task, if any, is the release work to be finished before close returns. */
  put(): void | Task<void> {
    if (--this.users === 0) return this.file.release?.();
    return undefined;
  }
  /** Drops one reference, as a call that ends when the release has. */
  close(): Result {
    const release = this.put();
    return release === undefined ? 0 : afterwards(release);
  }
}

function* afterwards(release: Task<void>): Task<number> {
  yield* release;
  return 0;
}
