/** What a call may answer, for each kind of file: anything else is a fault of the emulator. */
import { ERRNO, type ErrnoName } from '../../src/uapi/errno.ts';

/** A descriptor can be bad, memory can be bad, and an argument can be bad wherever a call is made. */
const ANYWHERE: readonly ErrnoName[] = ['EBADF', 'EFAULT', 'EINVAL', 'ENOTTY', 'EMFILE', 'EINTR'];

const BY_KIND = {
  container: ['EPERM', 'ENODEV', 'EBUSY', 'EEXIST', 'ENOENT', 'ENOMEM', 'ENOSPC', 'EOVERFLOW', 'EACCES'],
  group: ['EPERM', 'ENODEV', 'EBUSY', 'EBADFD', 'EACCES', 'EAGAIN', 'ENOMEM', 'EEXIST'],
  device: [
    'EPERM',
    'ENODEV',
    'EBUSY',
    'EIO',
    'EAGAIN',
    'ENOMEM',
    'ENOSPC',
    'E2BIG',
    'ENOENT',
    'EOPNOTSUPP',
    'EOVERFLOW',
    'EADDRINUSE',
    'EBADFD',
    'EACCES',
    'ENODATA',
    'EEXIST',
    'EPROTO',
  ],
  iommufd: [
    'EPERM',
    'ENOENT',
    'E2BIG',
    'EBUSY',
    'EEXIST',
    'ENODEV',
    'ENOSPC',
    'EOVERFLOW',
    'EMSGSIZE',
    'EOPNOTSUPP',
    'EADDRINUSE',
    'ENOMEM',
    'EDEADLK',
    'ERANGE',
    'ENXIO',
  ],
  eventfd: ['EAGAIN', 'ENODEV'],
  memory: ['ENOSPC'],
  queue: ['ESPIPE', 'ENODEV'],
  stream: ['ESPIPE', 'ENODEV', 'ENOMSG', 'ENOMEM', 'EIO', 'EAGAIN', 'ENOSPC'],
  buffer: ['ENODEV'],
  sysfs: ['EACCES', 'EIO', 'EPERM', 'ENODEV', 'ENOENT', 'EBUSY', 'ESPIPE'],
  closed: [],
} satisfies Record<string, readonly ErrnoName[]>;

export type FileKind = keyof typeof BY_KIND;

const NUMBERS = new Map(
  Object.entries(BY_KIND).map(([kind, names]) => [kind, new Set([...ANYWHERE, ...names].map((name) => ERRNO[name]))]),
);

/** What mmap may answer besides, for files that cannot be mapped or not so much of them. */
const MAPPING: ReadonlySet<number> = new Set([ERRNO.ENODEV, ERRNO.ENOMEM, ERRNO.ENXIO, ERRNO.EACCES, ERRNO.EPERM]);

/** As {@link isAllowed}, for mmap. */
export function isAllowedMapping(kind: FileKind, result: number): boolean {
  return MAPPING.has(-result) || isAllowed(kind, result);
}

/** Is `result` a count, a descriptor or an address, or an errno of that kind of file? */
export function isAllowed(kind: FileKind, result: number): boolean {
  if (!Number.isInteger(result)) return false;
  return result >= 0 || (NUMBERS.get(kind) as ReadonlySet<number>).has(-result);
}
