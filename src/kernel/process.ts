/**
 * The one door: everything a user can do is a system call on a {@link Process}. Arguments are bytes in the process's
 * memory, exactly as on Linux/x86-64; results are a count or a negated errno. Plain calls run to their end at once;
 * {@link Process.task} gives the call itself, for callers that interleave several.
 */
import { HANG, type Scheduler, type Task } from '../../sim/scheduler.ts';
import { ERRNO } from '../uapi/errno.ts';
import { type AddressSpace, MMAP_LOCK, TASK_SIZE } from './address-space.ts';
import { FaultInjection } from './fault-injection.ts';
import { FdTable } from './fd-table.ts';
import { FileReference, POLL, type Result } from './file.ts';
import { holding, type MmapFlags } from './file-mapping.ts';
import type { OpenFlags, PathLookup } from './path-lookup.ts';

/** Capabilities a process may lack (include/uapi/linux/capability.h). */
export type Capability = 'CAP_SYS_RAWIO' | 'CAP_IPC_LOCK' | 'CAP_SYS_RESOURCE' | 'CAP_SYS_ADMIN';

/** A user of the machine (struct user_struct): what is charged to all of its processes together. */
export interface User {
  lockedPages: number;
}

/** Offsets at and above 2^63 do not fit loff_t. */
const LOFF_MAX = 2 ** 63;
/** INT_MAX without its offset in a page (include/linux/fs.h). */
const MAX_RW_COUNT = 0x7fff_f000;

/** One process. */
export class Process {
  readonly name: string;
  /** Its address space; exec gives it another. */
  memory: AddressSpace;
  readonly scheduler: Scheduler;
  /** Capabilities held; root holds all of them. */
  readonly capabilities: Set<Capability>;
  /** RLIMIT_MEMLOCK in bytes. */
  memlockLimit = 8 * 1024 * 1024;
  /** Calls that could never have returned: each was interrupted. A verdict for the lab. */
  hangs = 0;
  /** Calls that were waited for. */
  calls = 0;
  /** Whose process it is; iommufd charges users rather than processes. */
  readonly user: User;
  /** Fault injection of the kernel that it runs on. */
  readonly faults: FaultInjection;
  /** Its descriptors. */
  readonly files: FdTable;
  private readonly paths: PathLookup;

  constructor(
    name: string,
    memory: AddressSpace,
    scheduler: Scheduler,
    paths: PathLookup,
    capabilities: Iterable<Capability>,
    user: User = { lockedPages: 0 },
    faults: FaultInjection = new FaultInjection(),
  ) {
    this.name = name;
    this.memory = memory;
    this.scheduler = scheduler;
    this.paths = paths;
    this.capabilities = new Set(capabilities);
    this.user = user;
    this.faults = faults;
    this.files = new FdTable(faults.file);
  }

  /** copy_from_user, for short-lived copies; undefined: EFAULT. The process itself uses {@link memory}. */
  copyFromUser(address: number, length: number): Uint8Array | undefined {
    return this.faults.copy.fails() ? undefined : this.memory.copyIn(address, length);
  }

  /** copy_from_user into a buffer of the kernel; false: EFAULT. */
  copyFromUserInto(address: number, into: Uint8Array): boolean {
    return !this.faults.copy.fails() && this.memory.readInto(address, into);
  }

  /** copy_to_user; false: EFAULT. */
  copyToUser(address: number, bytes: Uint8Array): boolean {
    return !this.faults.copy.fails() && this.memory.write(address, bytes);
  }

  /** mm->locked_vm: pages charged against the limit. */
  get lockedPages(): number {
    return this.memory.lockedPages;
  }

  set lockedPages(pages: number) {
    this.memory.lockedPages = pages;
  }

  /** mm->pinned_vm. */
  get pinnedPages(): number {
    return this.memory.pinnedPages;
  }

  /** execve into an empty address space: descriptors stay (none is O_CLOEXEC), and what holds the old memory keeps it. */
  exec(): void {
    const old = this.memory;
    this.memory = old.successor();
    for (const mapping of [...old.all]) old.unmap(mapping.start);
  }

  /** Gives another process a descriptor for the same open file (SCM_RIGHTS); its number there. */
  send(fd: number, receiver: Process): number {
    const reference = this.files.slots[fd];
    return reference === undefined ? -ERRNO.EBADF : receiver.files.share(reference);
  }

  /** Ends `call` now: runs the task to its end; a call that can never end is interrupted and answers EINTR. */
  finish(call: Result): number {
    this.calls++;
    if (typeof call === 'number') return call;
    const result = this.scheduler.run(call);
    if (result !== HANG) return result;
    this.hangs++;
    for (const thread of this.scheduler.threads) {
      if (thread.name !== 'call') continue;
      thread.interrupt();
      while (!thread.done && this.scheduler.step());
      if (thread.done) return thread.result as number;
    }
    return -ERRNO.EINTR;
  }

  /**
   * might_fault: a copy to or from user memory may take a page fault, and with it the locks of page faults. Who yields to
   * the result sleeps there, as a page fault does.
   */
  mightFault(): Task<void> {
    this.scheduler.mayTake(MMAP_LOCK);
    return this.scheduler.mightSleep();
  }

  open(path: string, how: OpenFlags = { read: true, write: true, nonblock: false }): number {
    // The name (getname) and the number come first: a full table must not open anything.
    const { allocation } = this.faults;
    if (allocation.fails()) return -ERRNO.ENOMEM;
    const fd = this.files.unused();
    if (fd < 0) return fd;
    // alloc_empty_file
    if (allocation.fails()) return -ERRNO.ENOMEM;
    const file = this.paths.open(this, path, how);
    if (typeof file === 'number') return file;
    file.nonblock = how.nonblock;
    this.files.slots[fd] = new FileReference(file);
    return fd;
  }

  readlink(path: string): string | number {
    return this.paths.readlink(path);
  }

  readdir(path: string): string[] | number {
    return this.paths.readdir(path);
  }

  close(fd: number): number {
    return this.finish(this.closeCall(fd));
  }

  closeCall(fd: number): Result {
    const { slots } = this.files;
    const reference = slots[fd];
    if (reference === undefined) return -ERRNO.EBADF;
    slots[fd] = undefined;
    return reference.close();
  }

  dup(fd: number): number {
    return this.send(fd, this);
  }

  ioctl(fd: number, command: number, argument: number): number {
    return this.finish(this.ioctlCall(fd, command, argument));
  }

  ioctlCall(fd: number, command: number, argument: number): Result {
    const file = this.files.slots[fd]?.file;
    if (file === undefined) return -ERRNO.EBADF;
    return file.ioctl === undefined ? -ERRNO.ENOTTY : file.ioctl(this, command, argument);
  }

  read(fd: number, address: number, length: number): number {
    return this.finish(this.readCall(fd, address, length, undefined));
  }

  write(fd: number, address: number, length: number): number {
    return this.finish(this.writeCall(fd, address, length, undefined));
  }

  pread(fd: number, address: number, length: number, offset: number): number {
    return this.finish(this.readCall(fd, address, length, offset));
  }

  pwrite(fd: number, address: number, length: number, offset: number): number {
    return this.finish(this.writeCall(fd, address, length, offset));
  }

  readCall(fd: number, address: number, length: number, position: number | undefined): Result {
    const file = this.files.slots[fd]?.file;
    if (position !== undefined && (position < 0 || position >= LOFF_MAX)) return -ERRNO.EINVAL;
    if (file === undefined || file.readable === false) return -ERRNO.EBADF;
    if (file.read === undefined) return -ERRNO.EINVAL;
    const count = transferable(address, length);
    return count < 0 ? count : file.read(this, address, count, position);
  }

  writeCall(fd: number, address: number, length: number, position: number | undefined): Result {
    const file = this.files.slots[fd]?.file;
    if (position !== undefined && (position < 0 || position >= LOFF_MAX)) return -ERRNO.EINVAL;
    if (file === undefined || file.writable === false) return -ERRNO.EBADF;
    if (file.write === undefined) return -ERRNO.EINVAL;
    const count = transferable(address, length);
    return count < 0 ? count : file.write(this, address, count, position);
  }

  /** Maps a file; the address, or a negated errno. */
  mmap(fd: number, offset: number, length: number, { read, write, shared }: MmapFlags): number {
    const reference = this.files.slots[fd];
    if (reference === undefined) return -ERRNO.EBADF;
    if (length === 0) return -ERRNO.EINVAL;
    if (length > TASK_SIZE) return -ERRNO.ENOMEM;
    if (reference.file.mmap === undefined) return -ERRNO.ENODEV;
    // vm_area_alloc
    if (this.faults.allocation.fails()) return -ERRNO.ENOMEM;
    const backing = reference.file.mmap(this, { offset, length, read, write, shared });
    if (typeof backing === 'number') return backing;
    const device = backing.ordinary !== true;
    return this.memory.map(holding(this, reference, backing), 0, length, { read, write, device });
  }

  munmap(address: number): number {
    return this.memory.unmap(address) ? 0 : -ERRNO.EINVAL;
  }

  /** memfd_create, and ftruncate to `length` bytes. */
  memfd(length: number): number {
    const { allocation } = this.faults;
    // memfd_create: the name, the number, then the file.
    if (allocation.fails()) return -ERRNO.ENOMEM;
    const fd = this.files.reserve();
    if (fd < 0) return fd;
    if (!allocation.fails()) return this.files.installAt(fd, this.memory.file(length));
    this.files.giveBack(fd);
    return -ERRNO.ENOMEM;
  }

  /** Poll bits of `fd`; a file without a poll operation is always readable and writable. */
  poll(fd: number): number {
    const file = this.files.slots[fd]?.file;
    if (file === undefined) return -ERRNO.EBADF;
    return file.poll === undefined ? POLL.IN | POLL.OUT : file.poll();
  }

  /** fcntl F_SETFL with or without O_NONBLOCK. */
  setNonblock(fd: number, on: boolean): number {
    const file = this.files.slots[fd]?.file;
    if (file === undefined) return -ERRNO.EBADF;
    file.nonblock = on;
    return 0;
  }

  /** fdget: the reference behind a number, or undefined. */
  file(fd: number): FileReference | undefined {
    return this.files.slots[fd];
  }

  /** Process exit: mappings go first, then the descriptors (exit_mm before exit_files). */
  exit(): void {
    for (const mapping of [...this.memory.all]) this.memory.unmap(mapping.start);
    for (const fd of this.files.open) this.close(fd);
  }
}

/** vfs_read, vfs_write: EFAULT beyond user memory, EINVAL for a negative ssize_t; and 2 GiB are moved at most. */
function transferable(address: number, length: number): number {
  if (address + length > TASK_SIZE) return length >= LOFF_MAX && address <= TASK_SIZE ? -ERRNO.EINVAL : -ERRNO.EFAULT;
  return Math.min(length, MAX_RW_COUNT);
}
