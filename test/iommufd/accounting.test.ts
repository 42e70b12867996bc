import { describe, expect, test } from 'vitest';
import type { Process } from '../../src/kernel/process.ts';
import { IOMMU, OPTION, OPTION_OP } from '../../src/uapi/iommufd.ts';
import { E, PAGE, type Program, Rig } from './ioas-rig.ts';

/** An iommufd that charges processes rather than users. */
function perProcess(rig: Rig): Program {
  const program = rig.program(['CAP_SYS_RESOURCE']);
  const value = { option_id: OPTION.RLIMIT_MODE, op: OPTION_OP.SET, val64: 1 };
  expect(program.iommu.call('OPTION', value)).toBe(0);
  return program;
}

/** Attaches device `index` to a new address space. */
function attached(program: Program, index: number) {
  const ioas = program.iommu.allocIoas();
  program.iommu.attach(program.device(index).fd, ioas);
  return ioas;
}

describe('pinned memory', () => {
  // covers: IF31
  test('is charged to the user, for all processes together', () => {
    const rig = new Rig();
    const user = { lockedPages: 0 };
    const [a, b] = [rig.program([], user), rig.program([], user)];
    for (const { process } of [a, b]) process.memlockLimit = 5 * PAGE;
    const [first, second] = [attached(a, 0), attached(b, 1)];
    const memory = b.allocate(8 * PAGE);
    expect(a.iommu.map(first, a.allocate(4 * PAGE), 4 * PAGE, 0)).toBe(0);
    expect(b.iommu.map(second, memory, 2 * PAGE, 0)).toBe(E.ENOMEM);
    expect(b.iommu.map(second, memory, PAGE, 0)).toBe(0);
    expect([user.lockedPages, a.process.lockedPages, a.process.pinnedPages, b.process.pinnedPages]).toEqual([
      5, 0, 4, 1,
    ]);
    a.iommu.unmapAll(first);
    expect(user.lockedPages).toBe(1);
  });

  // covers: IF31 IF12
  test('is charged to the process where that was chosen', () => {
    const rig = new Rig();
    const program = perProcess(rig);
    const ioas = attached(program, 0);
    program.process.memlockLimit = 2 * PAGE;
    const memory = program.allocate(4 * PAGE);
    expect(program.iommu.map(ioas, memory, 3 * PAGE, 0)).toBe(E.ENOMEM);
    expect(program.iommu.map(ioas, memory, 2 * PAGE, 0)).toBe(0);
    const { process } = program;
    expect([process.lockedPages, process.user.lockedPages, process.pinnedPages]).toEqual([2, 0, 2]);
  });

  // covers: IF31
  test('is free for who may lock without limit, but counted', () => {
    const { program, iommu, ioas, memory } = new Rig().attached(['CAP_IPC_LOCK']);
    const { process } = program;
    process.memlockLimit = 0;
    expect(iommu.map(ioas, memory, 3 * PAGE, 0)).toBe(0);
    expect([process.lockedPages, process.user.lockedPages, process.pinnedPages]).toEqual([0, 0, 3]);
  });

  // covers: IF31
  test('is charged when it is pinned: when a device comes, which fails for it', () => {
    const { program, iommu, ioas, memory } = new Rig().ioas([]);
    program.process.memlockLimit = PAGE;
    expect(iommu.map(ioas, memory, 2 * PAGE, 0)).toBe(0);
    const device = program.device(0);
    expect(iommu.attach(device.fd, ioas)).toBe(E.ENOMEM);
    expect([program.process.user.lockedPages, device.read(0)]).toEqual([0, undefined]);
    program.process.memlockLimit = 2 * PAGE;
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
    expect(program.process.user.lockedPages).toBe(2);
    iommu.detach(device.fd);
    expect(program.process.user.lockedPages).toBe(0);
  });

  // covers: IF31
  test('is charged once for two IOMMU tables of one address space, twice for two mappings', () => {
    const { program, iommu, ioas, memory } = new Rig().attached([]);
    const other = program.device(1);
    iommu.call('HWPT_ALLOC', { dev_id: other.id, pt_id: ioas });
    iommu.attach(other.fd, iommu.field('HWPT_ALLOC', 'out_hwpt_id'));
    iommu.map(ioas, memory, 2 * PAGE, 0);
    expect([other.read(0), program.process.user.lockedPages]).toEqual([0, 2]);
    iommu.map(ioas, memory, 2 * PAGE, 0x8000);
    expect(program.process.user.lockedPages).toBe(4);
  });

  // covers: IF31
  test('that did not fit leaves no charge', () => {
    const { program, iommu, ioas, memory } = new Rig().attached([]);
    program.process.memlockLimit = 2 * PAGE;
    expect(iommu.map(ioas, memory, 3 * PAGE, 0)).toBe(E.ENOMEM);
    expect([program.process.user.lockedPages, program.process.pinnedPages]).toEqual([0, 0]);
    expect(iommu.unmapAll(ioas)).toBe(0);
  });
});

/** IOAS_CHANGE_PROCESS by `process`, whose descriptor of the iommufd is `fd`. */
function takeOver(process: Process, fd = 3): number {
  const page = process.memory.allocate(PAGE);
  process.memory.write(page, new Uint8Array(Uint32Array.of(8, 0).buffer));
  return process.ioctl(fd, IOMMU.IOAS_CHANGE_PROCESS, page);
}

/** A program of its own user with 4 pages of a file mapped for a device. */
function withFile(program: Program) {
  const ioas = attached(program, 0);
  const fd = program.process.memfd(4 * PAGE);
  expect(program.iommu.mapFile(ioas, fd, 0, 4 * PAGE, 0)).toBe(0);
  return ioas;
}

describe('CHANGE_PROCESS', () => {
  // covers: IF13
  test('makes the caller pay, and relieves who paid until now', () => {
    const rig = new Rig();
    const program = rig.program([], { lockedPages: 0 });
    const ioas = withFile(program);
    const heir = program.heir([], { lockedPages: 0 });
    expect(takeOver(heir)).toBe(0);
    const counts = (process: Process) => [process.user.lockedPages, process.pinnedPages];
    expect([counts(program.process), counts(heir)]).toEqual([
      [0, 0],
      [4, 4],
    ]);
    expect(program.iommu.unmapAll(ioas)).toBe(4 * PAGE);
    expect([counts(program.process), counts(heir)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  // covers: IF13
  test('moves the charge between processes where processes are charged', () => {
    const program = perProcess(new Rig());
    withFile(program);
    const heir = program.heir([]);
    expect(takeOver(heir)).toBe(0);
    expect([program.process.lockedPages, heir.lockedPages, heir.user.lockedPages]).toEqual([0, 4, 0]);
  });

  // covers: IF13
  test('is ENOMEM without change where the caller’s limit is too low', () => {
    const program = new Rig().program([], { lockedPages: 0 });
    const ioas = withFile(program);
    program.iommu.mapFile(ioas, program.process.memfd(PAGE), 0, PAGE, 0x10000);
    const heir = program.heir([], { lockedPages: 0 });
    heir.memlockLimit = 4 * PAGE;
    expect(takeOver(heir), 'all mappings count together').toBe(E.ENOMEM);
    expect([program.process.user.lockedPages, heir.user.lockedPages, heir.pinnedPages]).toEqual([5, 0, 0]);
    heir.memlockLimit = 5 * PAGE;
    expect(takeOver(heir)).toBe(0);
  });

  // covers: IF13
  test('charges before it relieves: one user needs room for both', () => {
    const program = new Rig().program([], { lockedPages: 0 });
    withFile(program);
    const heir = program.heir([]);
    heir.memlockLimit = 7 * PAGE;
    expect(takeOver(heir)).toBe(E.ENOMEM);
    heir.memlockLimit = 8 * PAGE;
    expect(takeOver(heir)).toBe(0);
    expect([heir.user.lockedPages, program.process.pinnedPages, heir.pinnedPages]).toEqual([4, 0, 4]);
    heir.memlockLimit = 0;
    expect(takeOver(heir), 'nothing changes hands').toBe(0);
  });

  // covers: IF13
  test('leaves memory alone that nobody pays for', () => {
    const program = new Rig().program(['CAP_IPC_LOCK']);
    withFile(program);
    const heir = program.heir([]);
    heir.memlockLimit = 0;
    expect(takeOver(heir)).toBe(0);
    expect([program.process.pinnedPages, heir.pinnedPages]).toEqual([4, 0]);
  });

  // covers: IF13
  test('cannot hand over memory of a process, in whichever address space it is', () => {
    const program = new Rig().program([]);
    withFile(program);
    const other = program.iommu.allocIoas();
    program.iommu.map(other, program.allocate(PAGE), PAGE, 0);
    const heir = program.heir([]);
    expect(takeOver(heir)).toBe(E.EINVAL);
    expect(program.iommu.call('IOAS_CHANGE_PROCESS', { __reserved: 1 })).toBe(E.EOPNOTSUPP);
    program.iommu.unmapAll(other);
    expect(takeOver(heir)).toBe(0);
  });

  // covers: IF13
  test('with nothing mapped changes nothing', () => {
    const program = new Rig().program([]);
    expect(takeOver(program.heir([]))).toBe(0);
  });
});
