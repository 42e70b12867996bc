/** eventfd(2): a 64-bit counter. The kernel signals it; readers take the count (fs/eventfd.c). */

import { type Task, WaitQueue } from '../../sim/scheduler.ts';
import { ERRNO } from '../uapi/errno.ts';
import { viewOf, zeroedBytes } from './bytes.ts';
import { type OpenFile, POLL, type Result } from './file.ts';
import type { Process } from './process.ts';

/** Counter limit of fs/eventfd.c: ULLONG_MAX - 1. */
const MAX = 0xffff_ffff_ffff_fffen;

export class EventFd implements OpenFile {
  readonly name = 'anon_inode:[eventfd]';
  count: bigint;
  private readonly readers = new WaitQueue('eventfd read');
  private readonly listeners = new Set<(event: 'signal' | 'released') => void>();
  nonblock = false;

  constructor(initial = 0n) {
    this.count = initial;
  }

  /** eventfd_signal: adds `n`, saturating. */
  signal(n = 1n): void {
    this.count = this.count + n > MAX ? MAX : this.count + n;
    this.readers.wake();
    for (const listener of [...this.listeners]) listener('signal');
  }

  /** Hooks a kernel consumer (virqfd) in; returns the way to unhook it. `released`: the last user reference went. */
  listen(listener: (event: 'signal' | 'released') => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** How many kernel consumers are hooked in. */
  get consumers(): number {
    return this.listeners.size;
  }

  /** Takes the whole count, as a virqfd does. */
  drain(): bigint {
    const count = this.count;
    this.count = 0n;
    return count;
  }

  read(caller: Process, address: number, length: number): Result {
    if (length < 8) return -ERRNO.EINVAL;
    if (this.count === 0n) return this.nonblock ? -ERRNO.EAGAIN : this.sleep(caller, address);
    return this.take(caller, address);
  }

  write(caller: Process, address: number, length: number): Result {
    if (length < 8) return -ERRNO.EINVAL;
    const bytes = caller.copyFromUser(address, 8);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const value = viewOf(bytes).getBigUint64(0, true);
    if (value > MAX) return -ERRNO.EINVAL;
    if (value > MAX - this.count) return -ERRNO.EAGAIN;
    this.signal(value);
    return 8;
  }

  poll(): number {
    return (this.count > 0n ? POLL.IN : 0) | (this.count < MAX ? POLL.OUT : 0);
  }

  release(): void {
    for (const listener of [...this.listeners]) listener('released');
  }

  private *sleep(caller: Process, address: number): Task<number> {
    while (this.count === 0n) if ((yield this.readers) === 'interrupted') return -ERRNO.EINTR;
    return this.take(caller, address);
  }

  private take(caller: Process, address: number): number {
    const bytes = zeroedBytes(8);
    viewOf(bytes).setBigUint64(0, this.count, true);
    this.count = 0n;
    return caller.copyToUser(address, bytes) ? 8 : -ERRNO.EFAULT;
  }
}

/** eventfd_ctx_fdget: the eventfd behind a number; EBADF if the number is not open, EINVAL if it is another file. */
export function eventfdOf(caller: Process, fd: number): EventFd | number {
  const file = caller.file(fd)?.file;
  if (file === undefined) return -ERRNO.EBADF;
  return file instanceof EventFd ? file : -ERRNO.EINVAL;
}
