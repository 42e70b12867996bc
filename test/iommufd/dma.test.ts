import { expect, test } from 'vitest';
import { PAGE, READ, Rig, WRITE } from './ioas-rig.ts';

// covers: IF07 IF11 HW08
test('a device reads and writes what is mapped for it, until it is unmapped', () => {
  const { program, iommu, ioas, memory, device } = new Rig().attached();
  program.poke(memory + PAGE, 7);
  expect(device.read(0x11000)).toBeUndefined();
  expect(iommu.map(ioas, memory, 2 * PAGE, 0x10000)).toBe(0x10000);
  expect(device.read(0x11000)).toBe(7);
  expect(device.write(0x10000, 9)).toBe(true);
  expect(program.peek(memory)).toBe(9);
  expect(device.read(0x12000), 'one byte behind').toBeUndefined();
  expect(iommu.unmap(ioas, 0x10000, 2 * PAGE)).toBe(2 * PAGE);
  expect([device.read(0x11000), device.write(0x10000, 1)]).toEqual([undefined, false]);
  expect(program.peek(memory)).toBe(9);
});
