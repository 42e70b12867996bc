/**
 * The data file of a migration session: an anonymous inode opened with stream_open, for one side only. Two hold it, the
 * user's descriptors and the driver; it outlives the session and the device, so a driver marks it disabled when the
 * session ends and its operations look at that mark first.
 */

import { type OpenFile, POLL, type Result } from '../../kernel/file.ts';
import { Oops } from '../../kernel/oops.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';

/** What a driver does with its data file. Data goes through the caller's memory at `address`. */
export interface DataFileOps {
  read?(caller: Process, address: number, length: number): Result;
  write?(caller: Process, address: number, length: number): Result;
  /** Commands of the data file, i.e. VFIO_MIG_GET_PRECOPY_INFO. Without it every command answers ENOTTY. */
  ioctl?(caller: Process, command: number, argument: number): Result;
  /** Without it the file is always readable and writable, also when disabled. */
  poll?(): number;
  /** Both holders let go. */
  release?(): void;
}

/** A save file (`read`) or a resume file (`write`). */
export class DataFile implements OpenFile {
  readonly name: string;
  readonly side: 'read' | 'write';
  private readonly ops: DataFileOps;
  private holders = 2;

  /** `inode` is what the driver gave anon_inode_getfile, e.g. `mlx5vf_mig`. */
  constructor(inode: string, side: 'read' | 'write', ops: DataFileOps) {
    this.name = `anon_inode:${inode}`;
    this.side = side;
    this.ops = ops;
  }

  // The VFS tests the position before the side, so the side is checked here and not by OpenFile.readable/writable.
  read(caller: Process, address: number, length: number, position: number | undefined): Result {
    if (position !== undefined) return -ERRNO.ESPIPE;
    if (this.side !== 'read') return -ERRNO.EBADF;
    return this.ops.read?.(caller, address, length) ?? -ERRNO.EINVAL;
  }

  write(caller: Process, address: number, length: number, position: number | undefined): Result {
    if (position !== undefined) return -ERRNO.ESPIPE;
    if (this.side !== 'write') return -ERRNO.EBADF;
    return this.ops.write?.(caller, address, length) ?? -ERRNO.EINVAL;
  }

  ioctl(caller: Process, command: number, argument: number): Result {
    return this.ops.ioctl?.(caller, command, argument) ?? -ERRNO.ENOTTY;
  }

  poll(): number {
    return this.ops.poll?.() ?? POLL.IN | POLL.OUT;
  }

  /** How many of the two still hold the file. */
  get holderCount(): number {
    return this.holders;
  }

  /** The user's last descriptor went, or the file never reached one. */
  release(): void {
    this.letGo();
  }

  /** The driver's own reference: to be dropped once, when the session ends. */
  drop(): void {
    this.letGo();
  }

  private letGo(): void {
    if (--this.holders === 0) this.ops.release?.();
    if (this.holders < 0) throw new Oops(`${this.name} released twice`);
  }
}
