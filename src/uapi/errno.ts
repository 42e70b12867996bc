/**
 * Error numbers of Linux on x86-64 (include/uapi/asm-generic/errno-base.h, errno.h and include/linux/errno.h).
 * Calls below the lab return them negated; a throw means a fault of the emulator itself.
 */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  ERANGE: 34,
  EDEADLK: 35,
  ENOSYS: 38,
  ENOMSG: 42,
  ENODATA: 61,
  ETIME: 62,
  EPROTO: 71,
  EOVERFLOW: 75,
  EBADFD: 77,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EUSERS: 87,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  EALREADY: 114,
  EUCLEAN: 117,
  ECANCELED: 125,
  ERESTARTSYS: 512,
  ENOTSUPP: 524,
} as const;

/** The name of an error number, e.g. `EINVAL`. */
export type ErrnoName = keyof typeof ERRNO;

const names = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, value]) => [value, name as ErrnoName] as const),
);

/** Names `number` (positive or negative), or returns it as text when Linux has no name for it. */
export function errnoName(number: number): string {
  return names.get(Math.abs(number)) ?? String(Math.abs(number));
}
