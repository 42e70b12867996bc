import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_ALLOC_FLAG, HWPT_DATA } from '../../src/uapi/iommufd.ts';
import { ACCELERATOR, type Fields, PLAIN, Rig, TWINS, UNMAPPED } from './rig.ts';

const { NEST_PARENT, DIRTY_TRACKING, FAULT_ID_VALID, PASID } = HWPT_ALLOC_FLAG;

function rigged(iommu = {}) {
  const rig = new Rig(iommu);
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const alloc = (fields: Fields, size?: number): number =>
    rig.call('HWPT_ALLOC', { dev_id: device.id, pt_id: ioas, ...fields }, size);
  /** The user's data for a nested page table. */
  const vtd = (width = 48, flags = 0): Fields => {
    const address = rig.allocate(0x1000);
    rig.put(address, flags, 0x1000, width);
    return { data_type: HWPT_DATA.VTD_S1, data_len: 24, data_uptr: address };
  };
  return { rig, device, ioas, alloc, vtd };
}

describe('HWPT_ALLOC on an IOAS', () => {
  // covers: IF14
  test('makes page tables with each feature that the IOMMU has, in any combination that makes sense', () => {
    const { rig, device, ioas } = rigged();
    for (const flags of [0, NEST_PARENT, DIRTY_TRACKING, PASID, NEST_PARENT | DIRTY_TRACKING | PASID])
      expect(rig.hwpt(device, ioas, flags)).toBeGreaterThan(0);
    expect(rig.hwpt(device, ioas, FAULT_ID_VALID, { fault_id: rig.make('FAULT_QUEUE_ALLOC') })).toBeGreaterThan(0);
  });

  // covers: IF14
  test.each([
    ['a flag that nobody knows', { flags: 0x10 }, ERRNO.EOPNOTSUPP],
    ['__reserved', { __reserved: 1 }, ERRNO.EOPNOTSUPP],
    ['page faults of a nest parent', { flags: NEST_PARENT | FAULT_ID_VALID }, ERRNO.EOPNOTSUPP],
    ['data that no such page table takes', { data_type: 1, data_len: 24, data_uptr: 0x1000 }, ERRNO.EOPNOTSUPP],
    ['a type without data', { data_type: 1 }, ERRNO.EINVAL],
    ['data without a type', { data_len: 8 }, ERRNO.EINVAL],
    ['a device there is not', { dev_id: 99 }, ERRNO.ENOENT],
    ['a fault queue there is not', { flags: FAULT_ID_VALID, fault_id: 99 }, ERRNO.ENOENT],
    // An unknown base is EINVAL, where everything else that is unknown is ENOENT.
    ['a base there is not', { pt_id: 99 }, ERRNO.EINVAL],
    ['a device as the base', { pt_id: 1 }, ERRNO.EINVAL],
  ])('refuses %s', (_, fields, errno) => {
    expect(rigged().alloc(fields)).toBe(-errno);
  });

  // covers: IF14
  test.each([
    ['dirty tracking', { dirtyTracking: false }, DIRTY_TRACKING],
    ['nesting', { nesting: false }, NEST_PARENT],
  ])('refuses %s where the IOMMU has none', (_, iommu, flags) => {
    const { alloc } = rigged(iommu);
    expect(alloc({ flags })).toBe(-ERRNO.EOPNOTSUPP);
    expect(alloc({})).toBe(0);
  });

  // covers: IF14
  test('takes the PASID flag also for a device that has no PASIDs', () => {
    expect(rigged({ pasid: false }).alloc({ flags: PASID })).toBe(0);
  });

  // covers: IF14
  test('takes the struct as its first version was, and does not look at __reserved2', () => {
    const { alloc } = rigged();
    expect(alloc({ __reserved2: 7 })).toBe(0);
    expect([alloc({}, 24), alloc({}, 23)]).toEqual([0, -ERRNO.EINVAL]);
  });

  // covers: IF14
  test('looks for the fault queue last, and leaves nothing behind when there is none', () => {
    const { rig, ioas, alloc } = rigged();
    rig.map(ioas, 2 ** 48, rig.allocate(0x1000), 0x1000);
    expect(alloc({ flags: FAULT_ID_VALID, fault_id: 99 })).toBe(-ERRNO.EADDRINUSE);
    rig.unmap(ioas, 2 ** 48, 0x1000);
    expect(alloc({ flags: FAULT_ID_VALID, fault_id: 99 })).toBe(-ERRNO.ENOENT);
    expect(rig.destroy(ioas)).toBe(0);
  });

  // covers: IF14
  test('is refused where a mapping or an allowed range is out of reach of the IOMMU', () => {
    const { rig, ioas, alloc } = rigged();
    const ranges = rig.allocate(0x1000);
    rig.put(ranges, 2 ** 50, 2 ** 50 + 0xfff);
    expect(rig.call('IOAS_ALLOW_IOVAS', { ioas_id: ioas, num_iovas: 1, allowed_iovas: ranges })).toBe(0);
    expect(alloc({})).toBe(-ERRNO.EADDRINUSE);
    rig.call('IOAS_ALLOW_IOVAS', { ioas_id: ioas, num_iovas: 0 });
    rig.map(ioas, 0x1001, rig.allocate(0x1000), 1);
    expect(alloc({})).toBe(-ERRNO.EADDRINUSE);
    rig.unmap(ioas, 0, 0xffff_ffff_ffff_ffffn);
    expect(alloc({})).toBe(0);
  });

  // covers: IF14
  test('shows the device what the IOAS holds already, and what is mapped later', () => {
    const { rig, device, ioas } = rigged();
    const memory = rig.allocate(0x2000);
    rig.map(ioas, 0x1_0000, memory, 0x1000);
    const hwpt = rig.hwpt(device, ioas);
    expect(device.attach(hwpt)).toBe(hwpt);
    rig.map(ioas, 0x2_0000, memory + 0x1000, 0x1000);
    expect([device.writes(0x1_0000), device.writes(0x2_0000), device.writes(0x3_0000)]).toEqual([true, true, false]);
    expect([rig.bytes(memory, 1), rig.bytes(memory + 0x1000, 1)]).toEqual([[0xa5], [0xa5]]);
  });

  // covers: IF14
  test('a page table holds its IOAS, its fault queue, and is held by what is attached to it', () => {
    const { rig, ioas } = rigged();
    const device = rig.device(ACCELERATOR);
    const queue = rig.make('FAULT_QUEUE_ALLOC');
    rig.process.close(rig.out('out_fault_fd'));
    const hwpt = rig.hwpt(device, ioas, FAULT_ID_VALID, { fault_id: queue });
    device.attach(hwpt);
    expect([rig.destroy(ioas), rig.destroy(queue), rig.destroy(hwpt)]).toEqual(new Array(3).fill(-ERRNO.EBUSY));
    device.detach();
    expect([rig.destroy(hwpt), rig.destroy(queue), rig.destroy(ioas)]).toEqual([0, 0, 0]);
  });
});

describe('HWPT_ALLOC on another page table', () => {
  // covers: IF14
  test('makes a first stage, which holds the second', () => {
    const { rig, device, ioas, vtd } = rigged();
    const parent = rig.parent(device, ioas);
    const nested = rig.hwpt(device, parent, 0, vtd());
    expect(nested).toBeGreaterThan(parent);
    expect([rig.destroy(parent), rig.destroy(nested), rig.destroy(parent)]).toEqual([-ERRNO.EBUSY, 0, 0]);
  });

  // covers: IF14
  test('is EOPNOTSUPP without data, with other flags, and for data of another IOMMU', () => {
    const { rig, device, ioas, vtd } = rigged();
    const parent = rig.parent(device, ioas);
    expect(rig.hwpt(device, parent)).toBe(-ERRNO.EOPNOTSUPP);
    expect(rig.hwpt(device, parent, NEST_PARENT, vtd())).toBe(-ERRNO.EOPNOTSUPP);
    expect(rig.hwpt(device, parent, DIRTY_TRACKING, vtd())).toBe(-ERRNO.EOPNOTSUPP);
    expect(rig.hwpt(device, parent, 0, { ...vtd(), data_type: HWPT_DATA.ARM_SMMUV3 })).toBe(-ERRNO.EOPNOTSUPP);
  });

  // covers: IF14
  test('is EINVAL on one that was not made for it', () => {
    const { rig, device, ioas, vtd } = rigged();
    const manual = rig.hwpt(device, ioas);
    const automatic = device.attach(ioas);
    const nested = rig.hwpt(device, rig.parent(device, ioas), 0, vtd());
    for (const base of [manual, automatic, nested]) expect(rig.hwpt(device, base, 0, vtd())).toBe(-ERRNO.EINVAL);
  });

  // covers: IF14
  test('wants data of exactly the size it has, at an address that can be read', () => {
    const { rig, device, ioas, vtd } = rigged();
    const parent = rig.parent(device, ioas);
    for (const data_len of [16, 23, 32])
      expect(rig.hwpt(device, parent, 0, { ...vtd(), data_len })).toBe(-ERRNO.EINVAL);
    expect(rig.hwpt(device, parent, 0, { ...vtd(), data_uptr: UNMAPPED })).toBe(-ERRNO.EFAULT);
  });

  // covers: IF14
  test('tells only at the attachment that the IOMMU cannot walk such a table', () => {
    const { rig, device, ioas, vtd } = rigged();
    const parent = rig.parent(device, ioas);
    for (const data of [vtd(57), vtd(39), vtd(48, 1), vtd(48, 2)])
      expect(device.attach(rig.hwpt(device, parent, 0, data))).toBe(-ERRNO.EINVAL);
    expect(device.attach(rig.hwpt(device, parent, 0, vtd(48, 4)))).toBeGreaterThan(0);
  });
});

describe('attaching to an IOAS', () => {
  // covers: IF15
  test('makes a page table that devices of any group share, and that goes with the last of them', () => {
    const rig = new Rig();
    const [a, b] = [rig.device(PLAIN), rig.device(ACCELERATOR)];
    const ioas = rig.ioas();
    const hwpt = a.attach(ioas);
    expect(b.attach(ioas)).toBe(hwpt);
    expect(rig.destroy(hwpt)).toBe(-ERRNO.EBUSY);
    a.detach();
    expect(rig.destroy(ioas)).toBe(-ERRNO.EBUSY);
    b.detach();
    expect([rig.destroy(hwpt), rig.destroy(ioas)]).toEqual([-ERRNO.ENOENT, 0]);
  });

  // covers: IF15
  test('never takes a page table that the user made', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    const manual = rig.hwpt(device, ioas);
    const automatic = device.attach(ioas);
    expect(automatic).toBeGreaterThan(0);
    expect(automatic).not.toBe(manual);
    device.detach();
    expect([rig.destroy(automatic), rig.destroy(manual)]).toEqual([-ERRNO.ENOENT, 0]);
  });

  // covers: IF15
  test('a second device of the group joins the page table of the first, and may not choose another', () => {
    const rig = new Rig();
    const [a, b] = TWINS.map((name) => rig.device(name));
    const [ioas, other] = [rig.ioas(), rig.ioas()];
    const hwpt = a!.attach(ioas);
    expect(b!.attach(other)).toBe(-ERRNO.EINVAL);
    expect(rig.destroy(other)).toBe(0);
    expect(b!.attach(ioas)).toBe(hwpt);
  });

  // covers: IF15
  test('a page table that its mappings do not fit leaves nothing attached and nothing made', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    rig.map(ioas, 0xfee0_0000, rig.allocate(0x1000), 0x1000);
    expect(device.attach(ioas)).toBe(-ERRNO.EADDRINUSE);
    rig.unmap(ioas, 0xfee0_0000, 0x1000);
    rig.map(ioas, 2 ** 48, rig.allocate(0x1000), 0x1000);
    expect(device.attach(ioas)).toBe(-ERRNO.EADDRINUSE);
    rig.unmap(ioas, 2 ** 48, 0x1000);
    expect(rig.destroy(ioas)).toBe(0);
  });
});

describe('attaching again', () => {
  // covers: IF16
  test('moves all devices of the group to the other page table at once', () => {
    const rig = new Rig();
    const [a, b] = TWINS.map((name) => rig.device(name));
    const [first, second] = [rig.ioas(), rig.ioas()];
    const memory = rig.allocate(0x1000);
    rig.map(second, 0x1_0000, memory, 0x1000);
    const old = a!.attach(first);
    b!.attach(first);
    const hwpt = a!.attach(second);
    expect(hwpt).not.toBe(old);
    expect([a!.writes(0x1_0000), b!.writes(0x1_0000)]).toEqual([true, true]);
    // The automatic one that both left is gone, and the new one is in use by both.
    expect([rig.destroy(old), rig.destroy(first)]).toEqual([-ERRNO.ENOENT, 0]);
    a!.detach();
    expect([b!.writes(0x1_0000), rig.destroy(hwpt)]).toEqual([true, -ERRNO.EBUSY]);
    b!.detach();
    expect(b!.writes(0x1_0000)).toBe(false);
    expect(rig.destroy(second)).toBe(0);
  });

  // covers: IF16
  test('to the same page table changes nothing', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const hwpt = rig.hwpt(device, rig.ioas());
    expect([device.attach(hwpt), device.attach(hwpt)]).toEqual([hwpt, hwpt]);
    device.detach();
    expect(rig.destroy(hwpt)).toBe(0);
  });

  // covers: IF16
  test('leaves everything as it was when the new IOAS has a mapping where devices have their window', () => {
    const rig = new Rig();
    const [a, b] = TWINS.map((name) => rig.device(name));
    const [good, bad] = [rig.ioas(), rig.ioas()];
    const memory = rig.allocate(0x1000);
    rig.map(good, 0x1_0000, memory, 0x1000);
    rig.map(bad, 0xfee0_0000, memory, 0x1000);
    a!.attach(good);
    b!.attach(good);
    expect(a!.attach(bad)).toBe(-ERRNO.EADDRINUSE);
    expect([a!.writes(0x1_0000), b!.writes(0x1_0000)]).toEqual([true, true]);
    rig.unmap(bad, 0xfee0_0000, 0x1000);
    expect(rig.destroy(bad)).toBe(0);
  });

  // covers: IF16
  test('gives the reserved window back to the IOAS that is left', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const [first, second] = [rig.ioas(), rig.ioas()];
    device.attach(first);
    expect(rig.map(first, 0xfee0_0000, rig.allocate(0x1000), 0x1000)).toBe(-ERRNO.EINVAL);
    device.attach(second);
    expect(rig.map(first, 0xfee0_0000, rig.allocate(0x1000), 0x1000)).toBe(0);
  });
});
