/** copy_struct_from_user (include/linux/uaccess.h): structs that grow from one kernel to the next. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';

/** Into `bytes`, which are zero: E2BIG for bytes that this kernel does not know, unless they are zero. */
export function copyStruct(caller: Process, argument: number, userSize: number, bytes: Uint8Array): number {
  for (let at = argument + bytes.length; at < argument + userSize; ) {
    const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), argument + userSize - at);
    const tail = caller.copyFromUser(at, count);
    if (tail === undefined) return -ERRNO.EFAULT;
    if (tail.some((byte) => byte !== 0)) return -ERRNO.E2BIG;
    at += count;
  }
  return caller.copyFromUserInto(argument, bytes.subarray(0, Math.min(userSize, bytes.length))) ? 0 : -ERRNO.EFAULT;
}
