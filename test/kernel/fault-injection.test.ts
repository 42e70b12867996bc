import { describe, expect, test } from 'vitest';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { EventFd } from '../../src/kernel/index.ts';
import { Snapshot } from '../../src/lab/snapshot.ts';
import { ledgerDifference, ledgerOf, Machine } from '../../src/machine/index.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';
import { checked, IOVA, migratable, PAGE } from '../faults/scenes.ts';
import { Rig } from './rig.ts';

describe('fault injection', () => {
  test('is off until something is armed, and counts what is passed all the same', () => {
    const { root, kernel } = new Rig();
    const fd = root.files.install(new EventFd(1n));
    const page = root.memory.allocate(PAGE);
    const before = kernel.faults.passed('copy');
    expect(root.read(fd, page, 8)).toBe(8);
    expect(root.write(fd, page, 8)).toBe(8);
    expect(kernel.faults.passed('copy') - before).toBe(2);
  });

  test('makes the n-th point from now fail, once', () => {
    const { root, kernel } = new Rig();
    kernel.faults.arm('file', 2);
    expect(root.files.install({ name: 'first' })).toBe(3);
    expect(kernel.faults.armed('file')).toBe(true);
    expect(root.files.install({ name: 'second' })).toBe(-ERRNO.EMFILE);
    expect(kernel.faults.armed('file')).toBe(false);
    expect(root.files.install({ name: 'third' })).toBe(4);
  });

  test('can be called off', () => {
    const { root, kernel } = new Rig();
    kernel.faults.arm('file', 1);
    kernel.faults.disarm();
    expect(root.files.install({ name: 'file' })).toBe(3);
  });

  test('does not count what a process does with its own memory', () => {
    const { root, kernel } = new Rig();
    const page = root.memory.allocate(PAGE);
    kernel.faults.arm('copy', 1);
    expect(root.memory.write(page, Uint8Array.of(1))).toBe(true);
    expect(root.memory.read(page, 1)).toEqual(Uint8Array.of(1));
    expect(root.copyFromUser(page, 1)).toBeUndefined();
  });

  test('chooses the command by its opcode, and with which status it fails', () => {
    const { desk, device } = migratable();
    const { faults } = desk.machine.kernel;
    // The second CREATE_QP, of everything that a tracker takes; LIM_ERR is ENOMEM.
    faults.arm('command', 2, { opcode: 0x500, status: 0x08 });
    const before = faults.passed('command');
    expect(device.startLogging(IOVA, 16 * PAGE)).toBe(-ERRNO.ENOMEM);
    expect(faults.passed('command') - before).toBeGreaterThan(4);
    expect(faults.command.injected).toBe(1);
    expect(device.startLogging(IOVA, 16 * PAGE)).toBe(PAGE);
  });

  test('comes back with a machine that is brought back', () => {
    const machine = new Machine(mlx5Machine, { variants: [mlx5] });
    const process = machine.process('user');
    const page = process.memory.allocate(PAGE);
    const snapshot = new Snapshot(machine);
    const { faults } = machine.kernel;
    const passed = faults.passed('copy');
    faults.arm('copy', 2);
    process.copyFromUser(page, 1);
    snapshot.restore();
    expect([faults.armed('copy'), faults.passed('copy')]).toEqual([false, passed]);
    expect([1, 2, 3].map(() => process.copyToUser(page, Uint8Array.of(1)))).toEqual([true, true, true]);
  });
});

describe('a descriptor that is reserved', () => {
  test('is nobody’s, and no other file gets its number', () => {
    const { root } = new Rig();
    const number = root.files.reserve();
    expect(root.file(number)).toBeUndefined();
    expect(root.files.install({ name: 'other' })).toBe(number + 1);
    expect(root.files.installAt(number, { name: 'own' })).toBe(number);
    const again = root.files.reserve();
    root.files.giveBack(again);
    expect(root.dup(number)).toBe(again);
  });
});

describe('the ledger', () => {
  test('names what a call has changed, and is the same when it is undone', () => {
    const { desk, device } = migratable();
    const before = ledgerOf(desk.machine);
    expect(ledgerDifference(before, ledgerOf(desk.machine))).toEqual([]);
    checked(device.startLogging(IOVA, 16 * PAGE));
    const during = ledgerDifference(before, ledgerOf(desk.machine));
    expect(during).toContain('0000:01:00.0: tracker: 0 -> 1');
    expect(during.some((line) => line.startsWith('memory: bytes of the kernel'))).toBe(true);
    checked(device.stopLogging());
    expect(ledgerDifference(before, ledgerOf(desk.machine))).toEqual([]);
  });
});
