/** The file of a VFIO group, /dev/vfio/N (group.c:vfio_group_fops): what its ioctls read, and in which order. */

import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Mutex } from '../../sim/mutex.ts';
import type { Task } from '../../sim/scheduler.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { OpenFile, Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { group_status, VFIO } from '../uapi/vfio.ts';
import type { VfioGroup } from './group.ts';

type GroupCall = (file: VfioGroupFile, caller: Process, argument: number) => Result;
/** The ioctls of a group fd; any other number is ENOTTY. */
const IOCTLS = new Map<number, GroupCall>([
  [VFIO.GROUP_GET_STATUS, (file, caller, argument) => file.getStatus(caller, argument)],
  [VFIO.GROUP_SET_CONTAINER, (file, caller, argument) => file.setContainer(caller, argument)],
  [VFIO.GROUP_UNSET_CONTAINER, (file) => file.locked(() => file.group.unsetContainer())],
  [VFIO.GROUP_GET_DEVICE_FD, (file, caller, argument) => file.getDeviceFd(caller, argument)],
]);

/** An open group. */
export class VfioGroupFile implements OpenFile {
  readonly name: string;
  readonly group: VfioGroup;

  constructor(group: VfioGroup) {
    this.name = group.path;
    this.group = group;
  }

  ioctl(caller: Process, command: number, argument: number): Result {
    const call = IOCTLS.get(command);
    return call === undefined ? -ERRNO.ENOTTY : call(this, caller, argument);
  }

  getStatus(caller: Process, argument: number): Result {
    const bytes = caller.copyFromUser(argument, group_status.size);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const view = viewOf(bytes);
    if (view.getUint32(group_status.at.argsz, true) < group_status.size) return -ERRNO.EINVAL;
    return this.locked(() => {
      const flags = this.group.status();
      if (flags < 0) return flags;
      view.setUint32(group_status.at.flags, flags, true);
      return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
    });
  }

  setContainer(caller: Process, argument: number): Result {
    const bytes = caller.copyFromUser(argument, 4);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const file = caller.file(viewOf(bytes).getInt32(0, true))?.file;
    if (file === undefined) return -ERRNO.EBADF;
    return this.locked(() => this.group.setContainer(file, caller));
  }

  getDeviceFd(caller: Process, argument: number): Result {
    const name = readString(caller, argument);
    return typeof name === 'number' ? name : this.whileHeld(this.group.getDeviceFd(name, caller));
  }

  /** Runs `call` under the group's lock; sleeps only if somebody holds it. */
  locked(call: () => number): Result {
    const lock = this.group.lock;
    if (!lock.tryLock()) return this.whileHeld(lockThen(lock, call));
    const result = call();
    lock.unlock();
    return result;
  }

  release(): void {
    this.group.drop();
  }

  /** A call in flight holds the file, as fdget does: a close meanwhile releases nothing. */
  private *whileHeld(task: Task<number>): Task<number> {
    this.group.hold();
    const result = yield* task;
    this.group.drop();
    return result;
  }
}

/** vfio_file_is_group: the group behind a file, or undefined for files of other kinds. */
export function groupOf(file: OpenFile): VfioGroup | undefined {
  return file instanceof VfioGroupFile ? file.group : undefined;
}

function* lockThen(lock: Mutex, call: () => number): Task<number> {
  yield* lock.lock();
  const result = call();
  lock.unlock();
  return result;
}

/** strndup_user(PAGE_SIZE): EINVAL if no NUL within a page's length, EFAULT if memory ends before it. */
function readString(caller: Process, address: number): string | number {
  // memdup_user takes the memory once the length is known, and copies the string a second time.
  const { allocation, copy } = caller.faults;
  let text = '';
  while (text.length < PAGE_SIZE) {
    const at = address + text.length;
    const count = Math.min(64, PAGE_SIZE - text.length, PAGE_SIZE - (at % PAGE_SIZE));
    const bytes = caller.copyFromUser(at, count);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const end = bytes.indexOf(0);
    text += String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
    if (end < 0) continue;
    if (allocation.fails()) return -ERRNO.ENOMEM;
    return copy.fails() ? -ERRNO.EFAULT : text;
  }
  return -ERRNO.EINVAL;
}
