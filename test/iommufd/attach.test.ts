import { describe, expect, test } from 'vitest';
import { E, MIB, PAGE, Rig, TOP } from './ioas-rig.ts';

/** A mapping at `iova` that stands in the way of a device. */
function inTheWay(rig: Rig, iova: number | bigint) {
  const made = rig.ioas();
  expect(made.iommu.map(made.ioas, made.memory, PAGE, iova)).toBeGreaterThanOrEqual(0);
  return { ...made, device: made.program.device(0) };
}

describe('attaching a device to an address space', () => {
  // covers: IF17
  test.each([
    ['the window of interrupt messages', {}, 0xfee0_0000],
    ['the end of that window', {}, 0xfeef_f000],
    ['IOVAs above the IOMMU’s', {}, 2 ** 48],
    ['the last IOVA', {}, TOP - 0xfffn],
    ['IOVAs below the IOMMU’s', { aperture: [MIB, 2 ** 48 - 1] as const }, 0],
  ])('is EADDRINUSE with a mapping in %s, and changes nothing', (_where, features, iova) => {
    const { iommu, ioas, device } = inTheWay(new Rig(features), iova);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EADDRINUSE);
    expect(iommu.ranges(ioas)).toEqual({ ranges: [[0n, TOP]], alignment: 1 });
    expect(iommu.unmapAll(ioas)).toBe(PAGE);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
  });

  // covers: IF17 IF06
  test('is EADDRINUSE with an allowed range in what the device reserves', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    const device = program.device(0);
    iommu.allow(ioas, [[0xfed0_0000n, 0xfee0_0000n]]);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EADDRINUSE);
    iommu.allow(ioas, [[0xffff_ffff_f000n, 0x1_0000_0000_0000n]]);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EADDRINUSE);
    iommu.allow(ioas, [[0xfed0_0000n, 0xfedf_ffffn]]);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
  });

  // covers: IF17
  test('leaves no page table behind when it fails', () => {
    const { iommu, ioas, device } = inTheWay(new Rig(), 0xfee0_0000);
    expect(iommu.attach(device.fd, ioas)).toBe(E.EADDRINUSE);
    expect(iommu.destroy(ioas)).toBe(0);
  });

  // covers: IF17
  test('needs a number that exists, of something that can be attached to', () => {
    const { program, iommu } = new Rig().ioas();
    const device = program.device(0);
    expect(iommu.attach(device.fd, 0)).toBe(E.ENOENT);
    expect(iommu.attach(device.fd, 9999)).toBe(E.ENOENT);
    expect(iommu.attach(device.fd, device.id)).toBe(E.EINVAL);
    iommu.call('FAULT_QUEUE_ALLOC', {});
    expect(iommu.attach(device.fd, iommu.field('FAULT_QUEUE_ALLOC', 'out_fault_id'))).toBe(E.EINVAL);
  });

  // covers: IF17
  test('that fails keeps the attachment there was', () => {
    const { program, iommu, ioas, memory, device, hwpt } = new Rig().attached();
    program.poke(memory, 4);
    iommu.map(ioas, memory, PAGE, 0x1000);
    const other = iommu.allocIoas();
    iommu.map(other, memory, PAGE, 0xfee0_0000);
    expect(iommu.attach(device.fd, other)).toBe(E.EADDRINUSE);
    expect(device.read(0x1000)).toBe(4);
    expect(iommu.attach(device.fd, ioas)).toBe(hwpt);
    expect(iommu.unmapAll(other)).toBe(PAGE);
  });

  // covers: IF17
  test('moves it from another, with nothing of the old one left', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    program.poke(memory, 1);
    program.poke(memory + PAGE, 2);
    const other = iommu.allocIoas();
    iommu.map(ioas, memory, PAGE, 0x1000);
    iommu.map(other, memory + PAGE, PAGE, 0x2000);
    expect(iommu.attach(device.fd, other)).toBeGreaterThan(0);
    expect([device.read(0x1000), device.read(0x2000)]).toEqual([undefined, 2]);
    expect(iommu.ranges(ioas)).toEqual({ ranges: [[0n, TOP]], alignment: 1 });
    expect(iommu.destroy(ioas)).toBe(0);
  });

  // covers: IF17
  test('cannot be done twice over: two iommufds never share a device', () => {
    const rig = new Rig();
    const { device } = rig.attached();
    const other = rig.program();
    expect(other.iommu.open('vfio0')).toBe(E.EINVAL);
    device.client.close();
    expect(other.iommu.open('vfio0')).toMatchObject({ id: 1 });
  });
});
