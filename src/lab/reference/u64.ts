/** 64-bit arithmetic for the reference models: nothing wraps, and what would wrap is asked for. */
import { ERRNO } from '../../uapi/errno.ts';

export const PAGE = 4096n;
export const TOP = 0xffff_ffff_ffff_ffffn;

export const wraps = (start: bigint, length: bigint): boolean => start + length - 1n > TOP;
export const overlap = (aStart: bigint, aLast: bigint, bStart: bigint, bLast: bigint): boolean =>
  aStart <= bLast && bStart <= aLast;

/** The message window of x86: for devices, never for memory. */
export const MSI_FIRST = 0xfee0_0000n;
export const MSI_LAST = 0xfeef_ffffn;

export const { EINVAL, EEXIST, ENOENT, ENOSPC, ENOMEM, EFAULT, EBUSY, EPERM, EOVERFLOW, EACCES, E2BIG } = ERRNO;
export const { EADDRINUSE, EOPNOTSUPP, EMSGSIZE, ENODEV, ENOTTY, EDEADLK, EBADF, ESPIPE, EIO } = ERRNO;
