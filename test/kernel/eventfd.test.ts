import { describe, expect, test } from 'vitest';
import { EventFd, eventfdOf } from '../../src/kernel/eventfd.ts';
import { POLL } from '../../src/kernel/file.ts';
import { E, Rig } from './rig.ts';

const MOST = 0xffff_ffff_ffff_fffen;

function setup(initial = 0n) {
  const { root } = new Rig();
  const file = new EventFd(initial);
  const fd = root.files.install(file);
  const address = root.memory.allocate(4096);
  const put = (value: bigint): number => {
    root.memory.write(address, new Uint8Array(BigUint64Array.of(value).buffer));
    return root.write(fd, address, 8);
  };
  const take = (): bigint | number => {
    const result = root.read(fd, address, 8);
    return result < 0 ? result : new DataView(root.memory.read(address, 8)!.buffer).getBigUint64(0, true);
  };
  return { root, file, fd, address, put, take };
}

test('signals and writes add up, a read takes all', () => {
  const { file, put, take } = setup(2n);
  file.signal();
  expect(put(40n)).toBe(8);
  expect(take()).toBe(43n);
  expect(file.count).toBe(0n);
});

test('a read of nothing waits for a signal, unless it must not wait', () => {
  const { root, file, fd, address, take } = setup();
  root.scheduler.after(1000, 'signal', () => file.signal(3n));
  expect(take()).toBe(3n);
  expect(root.scheduler.now).toBe(1000);
  root.setNonblock(fd, true);
  expect(root.read(fd, address, 8)).toBe(E.EAGAIN);
});

test('a read that nobody will ever answer ends with a signal to the process', () => {
  const { root, take } = setup();
  expect(take()).toBe(E.EINTR);
  expect(root.hangs).toBe(1);
});

describe('limits', () => {
  test('short reads and writes, and the one value that does not fit, are EINVAL', () => {
    const { root, fd, address, put, file } = setup(1n);
    expect(root.read(fd, address, 7)).toBe(E.EINVAL);
    expect(root.write(fd, address, 7)).toBe(E.EINVAL);
    expect(put(MOST + 1n)).toBe(E.EINVAL);
    expect(file.count).toBe(1n);
  });

  test('a write that would overflow is refused and changes nothing', () => {
    const { put, take, root, fd } = setup();
    root.setNonblock(fd, true);
    expect(put(MOST)).toBe(8);
    expect(put(1n)).toBe(E.EAGAIN);
    expect(take()).toBe(MOST);
  });

  test('the kernel’s signals never wrap around', () => {
    const { file } = setup(MOST);
    file.signal(5n);
    expect(file.count).toBeGreaterThanOrEqual(MOST);
  });

  test('memory that cannot be reached is EFAULT', () => {
    const { root, fd } = setup(1n);
    expect(root.write(fd, 0x10, 8)).toBe(E.EFAULT);
    expect(root.read(fd, 0x10, 8)).toBe(E.EFAULT);
  });
});

test('poll tells whether a read and a write would go through', () => {
  const { root, fd, file } = setup();
  expect(root.poll(fd)).toBe(POLL.OUT);
  file.signal();
  expect(root.poll(fd)).toBe(POLL.IN | POLL.OUT);
  file.signal(MOST);
  expect(root.poll(fd) & POLL.OUT).toBe(0);
});

test('a kernel consumer hears every signal, and the end of the user’s last reference', () => {
  const { root, file, fd, put } = setup();
  const heard: string[] = [];
  const unhook = file.listen((event) => heard.push(event));
  put(1n);
  file.signal();
  const copy = root.dup(fd);
  root.close(fd);
  expect(heard).toEqual(['signal', 'signal']);
  root.close(copy);
  expect(heard).toEqual(['signal', 'signal', 'released']);
  unhook();
  file.signal();
  expect(heard).toHaveLength(3);
  expect(file.drain()).toBe(3n);
});

test('only an open eventfd is one', () => {
  const { root, file, fd } = setup();
  expect(eventfdOf(root, fd)).toBe(file);
  expect(eventfdOf(root, 99)).toBe(E.EBADF);
  expect(eventfdOf(root, -1)).toBe(E.EBADF);
  expect(eventfdOf(root, root.files.install({ name: 'no eventfd' }))).toBe(E.EINVAL);
});
