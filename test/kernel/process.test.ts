import { describe, expect, test } from 'vitest';
import { WaitQueue } from '../../src/kernel/sleep.ts';
import { Counted, E, Rig } from './rig.ts';

function setup(): { rig: Rig; files: Counted[] } {
  const rig = new Rig();
  const files: Counted[] = [];
  rig.kernel.devfs.register('/dev/counted', () => {
    files.push(new Counted());
    return files.at(-1)!;
  });
  return { rig, files };
}
const SHARED = { read: true, write: true, shared: true };

describe('descriptors', () => {
  test('the lowest free number is given, from 3', () => {
    const { root } = setup().rig;
    const fds = [1, 2, 3].map(() => root.open('/dev/counted'));
    expect(fds).toEqual([3, 4, 5]);
    expect(root.close(4)).toBe(0);
    expect(root.dup(3)).toBe(4);
    expect(root.files.open).toEqual([3, 4, 5]);
  });

  test('a file is released once, with the last of its numbers', () => {
    const { rig, files } = setup();
    const fd = rig.root.open('/dev/counted');
    const copy = rig.root.dup(fd);
    rig.root.close(fd);
    expect(files[0]!.released).toBe(0);
    expect(rig.root.close(copy)).toBe(0);
    expect(files[0]!.released).toBe(1);
    expect(rig.root.close(copy)).toBe(E.EBADF);
    expect(files[0]!.released).toBe(1);
  });

  test('numbers are the process’s own', () => {
    const { rig } = setup();
    const fd = rig.root.open('/dev/counted');
    expect(rig.kernel.process('other').close(fd)).toBe(E.EBADF);
  });

  test('a full table opens nothing and leaves nothing open', () => {
    const { rig, files } = setup();
    rig.root.files.limit = 5;
    expect([1, 2, 3].map(() => rig.root.open('/dev/counted'))).toEqual([3, 4, E.EMFILE]);
    expect(files).toHaveLength(2);
    expect(rig.root.dup(3)).toBe(E.EMFILE);
    expect(rig.root.files.install(new Counted())).toBe(E.EMFILE);
    rig.root.close(3);
    rig.root.close(4);
    expect(files.map(({ released }) => released)).toEqual([1, 1]);
  });

  test('what does not exist is not opened', () => {
    const { root } = setup().rig;
    expect(root.open('/dev/nothing')).toBe(E.ENOENT);
    expect(root.open('/sys/nothing')).toBe(E.ENOENT);
    expect(root.files.open).toEqual([]);
  });

  test('every call on a number that is not open answers EBADF', () => {
    const { root } = setup().rig;
    const answers = [
      root.close(9),
      root.dup(9),
      root.ioctl(9, 0, 0),
      root.read(9, 0, 0),
      root.write(9, 0, 0),
      root.mmap(9, 0, 4096, SHARED),
      root.poll(9),
      root.setNonblock(9, true),
    ];
    expect(answers).toEqual(answers.map(() => E.EBADF));
  });

  test('operations a file does not have answer as the VFS does', () => {
    const { root } = setup().rig;
    const fd = root.files.install({ name: 'bare' });
    expect([root.ioctl(fd, 0, 0), root.read(fd, 0, 1), root.write(fd, 0, 1), root.mmap(fd, 0, 1, SHARED)]).toEqual([
      E.ENOTTY,
      E.EINVAL,
      E.EINVAL,
      E.ENODEV,
    ]);
    expect(root.poll(fd)).toBe(5);
  });

  test('a file of one direction refuses the other, and negative positions are refused first', () => {
    const { root } = setup().rig;
    const fd = root.files.install({ name: 'x', readable: false, writable: false, read: () => 0, write: () => 0 });
    expect([root.read(fd, 0, 1), root.write(fd, 0, 1)]).toEqual([E.EBADF, E.EBADF]);
    expect([root.pread(fd, 0, 1, -1), root.pwrite(fd, 0, 1, 2 ** 63)]).toEqual([E.EINVAL, E.EINVAL]);
  });
});

describe('mappings', () => {
  test('a mapping holds its file after the descriptor is closed', () => {
    const { rig, files } = setup();
    const fd = rig.root.open('/dev/counted');
    const address = rig.root.mmap(fd, 0, 4096, SHARED);
    rig.root.close(fd);
    expect(files[0]!.released).toBe(0);
    expect(rig.root.memory.write(address, Uint8Array.of(7))).toBe(true);
    expect(files[0]!.bytes[0]).toBe(7);
    expect(rig.root.munmap(address)).toBe(0);
    expect(files[0]!.released).toBe(1);
    expect(rig.root.memory.read(address, 1)).toBeUndefined();
    expect(rig.root.munmap(address)).toBe(E.EINVAL);
  });

  test('a mapping of no length, and one the file refuses, hold nothing', () => {
    const { rig } = setup();
    const file = new Counted();
    const fd = rig.root.files.install(Object.assign(file, { mmap: () => E.EACCES }));
    expect(rig.root.mmap(fd, 0, 0, SHARED)).toBe(E.EINVAL);
    expect(rig.root.mmap(fd, 0, 4096, SHARED)).toBe(E.EACCES);
    rig.root.close(fd);
    expect(file.released).toBe(1);
  });

  test('protection is kept', () => {
    const { rig } = setup();
    const fd = rig.root.open('/dev/counted');
    const address = rig.root.mmap(fd, 0, 4096, { read: true, write: false, shared: true });
    expect(rig.root.memory.write(address, Uint8Array.of(7))).toBe(false);
    expect(rig.root.memory.read(address, 1)).toEqual(Uint8Array.of(0));
  });
});

test('exit lets go of mappings and descriptors', () => {
  const { rig, files } = setup();
  const fd = rig.root.open('/dev/counted');
  rig.root.mmap(fd, 0, 4096, SHARED);
  rig.root.open('/dev/counted');
  rig.root.exit();
  expect(files.map(({ released }) => released)).toEqual([1, 1]);
  expect([rig.root.files.open, rig.root.memory.all]).toEqual([[], []]);
});

test('a call that can never return is interrupted, and counted', () => {
  const { root } = setup().rig;
  const queue = new WaitQueue('never');
  const fd = root.files.install({
    name: 'stuck',
    *read() {
      return (yield queue) === 'interrupted' ? E.EINTR : 0;
    },
  });
  expect(root.read(fd, 0, 1)).toBe(E.EINTR);
  expect(root.hangs).toBe(1);
  expect(root.scheduler.threads).toEqual([]);
});
