import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_ALLOC_FLAG } from '../../src/uapi/iommufd.ts';
import { ACCELERATOR, PAIR, PLAIN, Rig, TWINS } from './rig.ts';

const { PASID } = HWPT_ALLOC_FLAG;

/** The accelerator, and page tables for PASIDs: each shows a page of its own at 64 KiB. */
function rigged(name: string = ACCELERATOR) {
  const rig = new Rig();
  const device = rig.device(name);
  const table = (flags: number = PASID) => {
    const ioas = rig.ioas();
    const memory = rig.allocate(0x1000);
    rig.map(ioas, 0x1_0000, memory, 0x1000);
    return { ioas, memory, hwpt: rig.hwpt(device, ioas, flags) };
  };
  return { rig, device, table };
}

describe('DMA with a PASID', () => {
  // covers: IF18 HW20
  test('goes through the page table of that PASID, and no other', () => {
    const { rig, device, table } = rigged();
    const [a, b] = [table(), table()];
    expect([device.attach(a.hwpt, 5), device.attach(b.hwpt, 255)]).toEqual([a.hwpt, b.hwpt]);
    expect([device.writes(0x1_0000, 5), rig.bytes(a.memory, 1), rig.bytes(b.memory, 1)]).toEqual([true, [0xa5], [0]]);
    expect([device.writes(0x1_0000, 255), rig.bytes(b.memory, 1)]).toEqual([true, [0xa5]]);
    expect([device.writes(0x1_0000, 6), device.writes(0x1_0000)]).toEqual([false, false]);
  });

  // covers: IF18 HW20
  test('is blocked from the detachment on, also from that by close', () => {
    const { rig, device, table } = rigged();
    const { hwpt } = table();
    device.attach(hwpt, 5);
    device.attach(hwpt, 6);
    expect(rig.destroy(hwpt)).toBe(-ERRNO.EBUSY);
    expect(device.detach(5)).toBe(0);
    expect([device.writes(0x1_0000, 5), device.writes(0x1_0000, 6)]).toEqual([false, true]);
    device.close();
    expect([device.writes(0x1_0000, 6), rig.destroy(hwpt)]).toEqual([false, 0]);
  });

  // covers: IF18 HW20
  test('with the interrupts’ address is DMA: the window is one of requests without a PASID', () => {
    const { rig, device, table } = rigged();
    const { ioas, memory, hwpt } = table();
    expect(rig.map(ioas, 0xfee0_0000, memory, 0x1000)).toBe(0);
    device.attach(hwpt, 5);
    expect([device.writes(0xfee0_0000, 5), rig.bytes(memory, 1)]).toEqual([true, [0xa5]]);
  });

  // covers: IF18
  test('attaching again replaces, as it does without one', () => {
    const { rig, device, table } = rigged();
    const [a, b] = [table(), table()];
    device.attach(a.hwpt, 5);
    expect(device.attach(b.hwpt, 5)).toBe(b.hwpt);
    device.writes(0x1_0000, 5);
    expect([rig.bytes(a.memory, 1), rig.bytes(b.memory, 1), rig.destroy(a.hwpt)]).toEqual([[0], [0xa5], 0]);
  });
});

describe('attaching to a PASID', () => {
  // covers: IF18
  test('is EINVAL beyond what the device has, and ENOSPC where a PASID is no number any more', () => {
    const { rig, device, table } = rigged();
    const { hwpt } = table();
    expect([device.attach(hwpt, 256), device.attach(hwpt, 0x7fff_ffff)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
    expect([device.attach(hwpt, 0x8000_0000), device.attach(hwpt, 0xffff_ffff)]).toEqual([
      -ERRNO.ENOSPC,
      -ERRNO.ENOSPC,
    ]);
    expect(rig.destroy(hwpt)).toBe(0);
  });

  // covers: IF18
  test('needs a page table made for PASIDs: an IOAS has none', () => {
    const { device, table } = rigged();
    const other = table(0);
    expect([device.attach(other.hwpt, 5), device.attach(other.ioas, 5)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
  });

  // covers: IF18
  test('needs one of the function itself too, and keeps it', () => {
    const { device, table } = rigged();
    const [pasid, other] = [table(), table(0)];
    device.attach(other.hwpt);
    expect(device.attach(pasid.hwpt, 5)).toBe(-ERRNO.EINVAL);
    expect(device.attach(pasid.hwpt)).toBe(pasid.hwpt);
    expect(device.attach(pasid.hwpt, 5)).toBe(pasid.hwpt);
    expect([device.attach(other.hwpt), device.attach(other.ioas)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
    device.detach();
    expect(device.attach(other.hwpt)).toBe(-ERRNO.EINVAL);
    device.detach(5);
    expect(device.attach(other.hwpt)).toBe(other.hwpt);
  });

  // covers: IF18
  test('counts for the whole group: no other page table for a sibling', () => {
    const rig = new Rig();
    const [a, b] = TWINS.map((name) => rig.device(name));
    const ioas = rig.ioas();
    a!.attach(rig.hwpt(a!, ioas, PASID), 5);
    expect(b!.attach(rig.hwpt(b!, ioas))).toBe(-ERRNO.EINVAL);
    expect(b!.attach(rig.hwpt(b!, ioas, PASID), 5)).toBe(-ERRNO.EINVAL);
  });

  // covers: IF18
  test('as PASID 0 is the attachment of the function: EBUSY while there is one, whatever is asked for', () => {
    const { device, table } = rigged();
    const [pasid, other] = [table(), table(0)];
    device.attach(pasid.hwpt);
    device.attach(pasid.hwpt, 5);
    for (const base of [pasid.hwpt, other.hwpt, other.ioas]) expect(device.attach(base, 0)).toBe(-ERRNO.EBUSY);
    expect(device.attach(99, 0)).toBe(-ERRNO.ENOENT);
  });

  // covers: IF18
  test('a device without PASIDs has it recorded, up to any number, and nothing goes through it', () => {
    const { rig, device, table } = rigged(PLAIN);
    const { hwpt } = table();
    expect([device.attach(hwpt, 5), device.attach(hwpt, 0x7fff_ffff)]).toEqual([hwpt, hwpt]);
    expect(device.writes(0x1_0000, 5)).toBe(false);
    expect(rig.destroy(hwpt)).toBe(-ERRNO.EBUSY);
    device.detach(5);
    device.detach(0x7fff_ffff);
    expect(rig.destroy(hwpt)).toBe(0);
  });

  // covers: IF18
  test('is for all devices of the group: one without PASIDs attaches those that have them', () => {
    const rig = new Rig();
    const [able, other] = PAIR.map((name) => rig.device(name));
    const ioas = rig.ioas();
    const memory = rig.allocate(0x1000);
    rig.map(ioas, 0x1_0000, memory, 0x1000);
    const hwpt = rig.hwpt(other!, ioas, PASID);
    expect([other!.attach(hwpt, 16), other!.attach(hwpt, 15)]).toEqual([-ERRNO.EINVAL, hwpt]);
    expect([able!.writes(0x1_0000, 15), other!.writes(0x1_0000, 15)]).toEqual([true, false]);
    other!.detach(15);
    expect(able!.writes(0x1_0000, 15)).toBe(false);
  });

  // covers: IF18
  test('detaching one that never was, or PASID 0, is 0 and leaves the function’s own alone', () => {
    const { device, table } = rigged();
    device.attach(table(0).ioas);
    expect([device.detach(7), device.detach(0), device.writes(0x1_0000)]).toEqual([0, 0, true]);
  });
});
