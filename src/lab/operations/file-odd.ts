/** Calls on data files that are none of theirs: positions, the other direction, commands and sizes that no program gives. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIGRATION, precopy_info, VFIO } from '../../uapi/vfio.ts';
import type { DataFile, Tenant } from '../tenant.ts';
import type { Operation } from './operation.ts';

const LENGTH = 16;
const { at, size: SIZE } = precopy_info;
/** Nothing is there. */
const NOWHERE = 0x10;

/** What is called, and what it must answer whatever the session is in. */
interface Odd {
  readonly call: (tenant: Tenant, file: DataFile) => number;
  readonly answer: (file: DataFile, preCopies: boolean) => number;
}

const saving = ({ direction }: DataFile): boolean => direction === 'save';

/** PRECOPY_INFO that says to have room for `argsz` bytes. */
function precopy(tenant: Tenant, { fd }: DataFile, argsz: number, command: number = VFIO.MIG_GET_PRECOPY_INFO): number {
  const { scratch, process } = tenant;
  scratch.begin(SIZE).setUint32(at.argsz, argsz, true);
  return process.ioctl(fd, command, scratch.put(SIZE));
}
const short =
  (argsz: number): Odd['call'] =>
  (tenant, file) =>
    precopy(tenant, file, argsz);
const tooShort: Odd['answer'] = (file, preCopies) => (saving(file) && preCopies ? -ERRNO.EINVAL : -ERRNO.ENOTTY);

/** By number: places are kept. */
const ODD: readonly Odd[] = [
  { call: (t, { fd }) => t.process.pread(fd, t.scratch.room(LENGTH), LENGTH, 0), answer: () => -ERRNO.ESPIPE },
  { call: (t, { fd }) => t.process.pwrite(fd, t.scratch.room(LENGTH), LENGTH, 8), answer: () => -ERRNO.ESPIPE },
  {
    call: (t, file) =>
      saving(file)
        ? t.process.write(file.fd, t.scratch.room(LENGTH), LENGTH)
        : t.process.read(file.fd, t.scratch.room(LENGTH), LENGTH),
    answer: () => -ERRNO.EBADF,
  },
  { call: short(0), answer: tooShort },
  { call: short(SIZE - 1), answer: tooShort },
  { call: short(8), answer: tooShort },
  { call: (t, file) => precopy(t, file, SIZE, VFIO.DEVICE_FEATURE), answer: () => -ERRNO.ENOTTY },
  {
    call: (t, { fd }) => t.process.ioctl(fd, VFIO.MIG_GET_PRECOPY_INFO, NOWHERE),
    answer: (file, preCopies) => (saving(file) && preCopies ? -ERRNO.EFAULT : -ERRNO.ENOTTY),
  },
];

const odd: Operation = {
  name: 'file_odd',
  needs: 'migration',
  args: ['kind'],
  weights: [1, 1, 1, 2, 2, 1, 2, 2],
  generate: (random, { files }) => (files.some(({ open }) => open) ? { kind: random.below(ODD.length) } : undefined),
  run(tenant, { kind }, world) {
    const file = tenant.files.findLast(({ open }) => open);
    if (file === undefined) return -ERRNO.EBADF;
    const { call, answer } = ODD[kind! % ODD.length]!;
    const result = call(tenant, file);
    world.checks.fsm.fileAnswered(kind! % ODD.length, result, answer(file, (tenant.flags & MIGRATION.PRE_COPY) !== 0));
    return result;
  },
};

export const FILE_ODD: readonly Operation[] = [odd];
