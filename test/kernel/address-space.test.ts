import { describe, expect, test } from 'vitest';
import { PAGE_SIZE, PhysicalMemory } from '../../sim/memory.ts';
import { AddressSpace } from '../../src/kernel/address-space.ts';
import { Counted } from './rig.ts';

function setup(): { memory: PhysicalMemory; space: AddressSpace } {
  const memory = new PhysicalMemory(0x5a);
  return { memory, space: new AddressSpace(memory, 'user') };
}

describe('copying', () => {
  test('anonymous memory is zero, belongs to the process, and goes with its mapping', () => {
    const { memory, space } = setup();
    const address = space.allocate(100);
    expect(space.read(address, PAGE_SIZE)).toEqual(new Uint8Array(PAGE_SIZE));
    const [run] = space.pin(address, 1, false)!;
    expect(memory.owner(run!.physical)).toBe('user');
    expect(space.unmap(address)).toBe(true);
    expect(memory.owner(run!.physical)).toBeUndefined();
    expect(space.read(address, 1)).toBeUndefined();
  });

  test('what is read is a copy', () => {
    const { space } = setup();
    const address = space.allocate(PAGE_SIZE);
    const bytes = space.read(address, 4)!;
    bytes.fill(9);
    expect(space.read(address, 4)).toEqual(new Uint8Array(4));
    const source = Uint8Array.of(1, 2);
    space.write(address, source);
    source.fill(9);
    expect(space.read(address, 2)).toEqual(Uint8Array.of(1, 2));
  });

  test('a read that runs off the end fails, a write keeps what came before the fault', () => {
    const { space } = setup();
    const address = space.allocate(PAGE_SIZE);
    expect(space.read(address + PAGE_SIZE - 4, 8)).toBeUndefined();
    expect(space.write(address + PAGE_SIZE - 4, new Uint8Array(8).fill(7))).toBe(false);
    expect(space.read(address + PAGE_SIZE - 4, 4)).toEqual(new Uint8Array(4).fill(7));
    expect(space.read(0, 1)).toBeUndefined();
  });

  test('two mappings never touch, so an overrun of one is no access to the other', () => {
    const { space } = setup();
    const [a, b] = [space.allocate(PAGE_SIZE), space.allocate(PAGE_SIZE)];
    expect(b - a).toBeGreaterThan(PAGE_SIZE);
    expect([a % 0x20_0000, b % 0x20_0000]).toEqual([0, 0]);
  });

  test('only a mapping’s first address unmaps it', () => {
    const { space } = setup();
    const address = space.allocate(2 * PAGE_SIZE);
    expect(space.unmap(address + PAGE_SIZE)).toBe(false);
    expect(space.read(address, 1)).toBeDefined();
  });
});

describe('pinning', () => {
  test('gives the physical run behind an address, inside a page too', () => {
    const { memory, space } = setup();
    const address = space.allocate(4 * PAGE_SIZE);
    space.write(address + PAGE_SIZE + 8, Uint8Array.of(0x77));
    const runs = space.pin(address + PAGE_SIZE, 2 * PAGE_SIZE, true)!;
    expect(runs).toMatchObject([{ length: 2 * PAGE_SIZE, charged: true }]);
    const into = new Uint8Array(1);
    memory.read(runs[0]!.physical + 8, into);
    expect(into[0]).toBe(0x77);
  });

  test('large buffers are large pages to the IOMMU', () => {
    const { space } = setup();
    const address = space.allocate(0x40_0000);
    expect([address % 0x20_0000, space.pin(address, 0x40_0000, true)![0]!.physical % 0x20_0000]).toEqual([0, 0]);
  });

  test('fails over a hole, and for writing where only reading is allowed', () => {
    const { space } = setup();
    const address = space.allocate(PAGE_SIZE, { read: true, write: false });
    expect(space.pin(address, PAGE_SIZE, false)).toHaveLength(1);
    expect(space.pin(address, PAGE_SIZE, true)).toBeUndefined();
    expect(space.pin(address, 2 * PAGE_SIZE, false)).toBeUndefined();
    expect(space.pin(0x1000, 1, false)).toBeUndefined();
  });

  test('device memory is found, and not charged; where the device is off it faults', () => {
    const { space } = setup();
    const how = { read: true, write: true, device: true };
    const on = space.map(new Counted().mmap(), 0, PAGE_SIZE, how);
    expect(space.pin(on, PAGE_SIZE, true)).toEqual([{ physical: 0x8000_0000, length: PAGE_SIZE, charged: false }]);
    const off = space.map({ ...new Counted().mmap(), physical: () => undefined }, 0, PAGE_SIZE, how);
    expect(space.pin(off, PAGE_SIZE, true)).toBeUndefined();
  });
});
