/** The descriptor table of a process (struct files_struct): numbers, and the open files behind them. */
import { ERRNO } from '../uapi/errno.ts';
import type { FaultPoint } from './fault-injection.ts';
import { FileReference, type OpenFile } from './file.ts';

/** Numbers count from 3, as if the standard streams were open. */
export class FdTable {
  /** RLIMIT_NOFILE: numbers are below it. */
  limit = 1024;
  /** What stands behind each number. */
  readonly slots: (FileReference | undefined)[] = [];
  /** Numbers that a call has taken and not used yet. */
  private readonly reserved = new Set<number>();
  private readonly faults: FaultPoint;

  /** `faults`: where finding a number can be made to fail. */
  constructor(faults: FaultPoint) {
    this.faults = faults;
  }

  /** The open numbers, ascending. */
  get open(): number[] {
    return [...this.slots.keys()].filter((fd) => this.slots[fd] !== undefined);
  }

  /** How many numbers are taken for files that are yet to be made. */
  get reservedCount(): number {
    return this.reserved.size;
  }

  /** Puts an open file at the lowest free number (get_unused_fd, fd_install); EMFILE when the table is full. */
  install(file: OpenFile): number {
    const number = this.unused();
    if (number >= 0) this.slots[number] = new FileReference(file);
    return number;
  }

  /** The same open file at a second number: of this table (dup), or of another (SCM_RIGHTS). */
  share(reference: FileReference): number {
    const number = this.unused();
    if (number >= 0) this.slots[number] = reference.get();
    return number;
  }

  /** get_unused_fd_flags: takes a number for a file that is yet to be made; EMFILE when the table is full. */
  reserve(): number {
    const number = this.unused();
    if (number >= 0) this.reserved.add(number);
    return number;
  }

  /** put_unused_fd. */
  giveBack(number: number): void {
    this.reserved.delete(number);
  }

  /** fd_install at a number that was reserved; the number. */
  installAt(number: number, file: OpenFile): number {
    this.reserved.delete(number);
    this.slots[number] = new FileReference(file);
    return number;
  }

  /** The lowest free number, not taken yet; EMFILE. */
  unused(): number {
    if (this.faults.fails()) return -ERRNO.EMFILE;
    for (let fd = 3; fd < this.limit; fd++) if (this.slots[fd] === undefined && !this.reserved.has(fd)) return fd;
    return -ERRNO.EMFILE;
  }
}
