import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_ALLOC_FLAG, HWPT_DATA, VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { ACCELERATOR, type Fields, PLAIN, Rig, UNMAPPED } from './rig.ts';
import { rigged } from './viommu-rig.ts';

const { ARM_SMMUV3, TEGRA241_CMDQV } = VIOMMU_TYPE;

describe('VIOMMU_ALLOC', () => {
  // covers: IF23
  test('needs a page table that others can be nested on, and holds it', () => {
    const { rig, device, ioas, parent, viommu } = rigged();
    expect(viommu).toBeGreaterThan(parent);
    const on = (hwpt_id: number): number => rig.call('VIOMMU_ALLOC', { type: 1, dev_id: device.id, hwpt_id });
    expect(on(rig.hwpt(device, ioas))).toBe(-ERRNO.EINVAL);
    expect([on(ioas), on(99), on(viommu)]).toEqual(new Array(3).fill(-ERRNO.ENOENT));
    expect([rig.destroy(parent), rig.destroy(viommu), rig.destroy(parent)]).toEqual([-ERRNO.EBUSY, 0, 0]);
  });

  // covers: IF23
  test.each([
    ['flags', { flags: 1 }, ERRNO.EOPNOTSUPP],
    ['no type', { type: 0 }, ERRNO.EOPNOTSUPP],
    ['a type that nobody knows', { type: 99 }, ERRNO.EOPNOTSUPP],
    ['a device there is not', { dev_id: 99 }, ERRNO.ENOENT],
  ])('refuses %s', (_, fields, errno) => {
    const { rig, device, parent } = rigged();
    expect(rig.call('VIOMMU_ALLOC', { type: 1, dev_id: device.id, hwpt_id: parent, ...fields })).toBe(-errno);
  });

  // covers: IF23
  test.each([
    [undefined, [-ERRNO.EOPNOTSUPP, -ERRNO.EOPNOTSUPP]],
    ['arm-smmuv3', [0, -ERRNO.EOPNOTSUPP]],
    ['tegra241-cmdqv', [0, 0]],
  ] as const)('on a machine with virtual: %s makes what that has', (virtual, answers) => {
    const rig = new Rig(virtual === undefined ? { virtual: undefined as never } : { virtual });
    const device = rig.device(PLAIN);
    const hwpt_id = rig.parent(device, rig.ioas());
    const made = [ARM_SMMUV3, TEGRA241_CMDQV].map((type) =>
      rig.call('VIOMMU_ALLOC', { type, dev_id: device.id, hwpt_id }),
    );
    expect(made).toEqual(answers);
  });

  // covers: IF23
  test('takes the struct as its first version was', () => {
    const { rig, device, parent } = rigged();
    const fields = { type: 1, dev_id: device.id, hwpt_id: parent };
    expect([24, 23].map((size) => rig.call('VIOMMU_ALLOC', fields, size))).toEqual([0, -ERRNO.EINVAL]);
  });
});

describe('a page table nested in a vIOMMU', () => {
  const VALID = 1n;
  const [ABORT, BYPASS, S1_TRANS] = [0n, 4n << 1n, 5n << 1n] as const;

  // covers: IF14 IF23
  test('that bypasses shows guest physical addresses, one that aborts or is not valid nothing', () => {
    const { rig, device, memory, nested } = rigged();
    expect(device.attach(nested(VALID | BYPASS))).toBeGreaterThan(0);
    expect([device.writes(0x10_0000), rig.bytes(memory, 1)]).toEqual([true, [0xa5]]);
    for (const entry of [VALID | ABORT, BYPASS]) {
      expect(device.attach(nested(entry))).toBeGreaterThan(0);
      expect(device.writes(0x10_0000)).toBe(false);
    }
  });

  // covers: IF14 IF23
  test('holds the vIOMMU', () => {
    const { rig, viommu, nested } = rigged();
    const hwpt = nested(VALID);
    expect([rig.destroy(viommu), rig.destroy(hwpt), rig.destroy(viommu)]).toEqual([-ERRNO.EBUSY, 0, 0]);
  });

  // covers: IF14
  test('is EOPNOTSUPP with other flags or without data, EINVAL with another IOMMU’s', () => {
    const { rig, device, viommu, nested } = rigged();
    const { NEST_PARENT, PASID } = HWPT_ALLOC_FLAG;
    expect([nested(VALID, 0, {}, NEST_PARENT), nested(VALID, 0, {}, PASID)]).toEqual([
      -ERRNO.EOPNOTSUPP,
      -ERRNO.EOPNOTSUPP,
    ]);
    expect(rig.hwpt(device, viommu)).toBe(-ERRNO.EOPNOTSUPP);
    expect(nested(VALID, 0, { data_type: HWPT_DATA.VTD_S1 })).toBe(-ERRNO.EINVAL);
    expect(nested(VALID, 0, { data_len: 8 })).toBe(-ERRNO.EINVAL);
    expect(nested(VALID, 0, { data_uptr: UNMAPPED })).toBe(-ERRNO.EFAULT);
  });

  // covers: IF14
  test('is EIO for an entry that no guest may have, EOPNOTSUPP for one that walks context descriptors', () => {
    const { nested } = rigged();
    expect(nested(VALID | (6n << 1n))).toBe(-ERRNO.EIO);
    expect(nested(VALID | (1n << 52n))).toBe(-ERRNO.EIO);
    expect(nested(VALID, 1n << 30n)).toBe(-ERRNO.EIO);
    expect(nested(VALID | S1_TRANS)).toBe(-ERRNO.EOPNOTSUPP);
  });
});

describe('VDEVICE_ALLOC', () => {
  // covers: IF24
  test('is one for a device, and one for a number of the guest’s', () => {
    const { rig, vdevice } = rigged();
    const other = rig.device(ACCELERATOR);
    const first = vdevice(0x100);
    expect(first).toBeGreaterThan(0);
    expect([vdevice(0x200), vdevice(0x100, other)]).toEqual([-ERRNO.EEXIST, -ERRNO.EEXIST]);
    expect(vdevice(0x200, other)).toBeGreaterThan(0);
    expect(rig.destroy(first)).toBe(0);
    expect(vdevice(2n ** 64n - 1n)).toBe(first);
  });

  // covers: IF24
  test('holds the vIOMMU, and is refused for what there is not', () => {
    const { rig, device, viommu, vdevice } = rigged();
    const id = vdevice(1);
    expect(rig.destroy(viommu)).toBe(-ERRNO.EBUSY);
    const make = (fields: Fields): number =>
      rig.call('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: device.id, ...fields });
    expect([make({ viommu_id: 99 }), make({ dev_id: 99 }), make({ viommu_id: device.id })]).toEqual(
      new Array(3).fill(-ERRNO.ENOENT),
    );
    expect([rig.destroy(id), rig.destroy(viommu)]).toEqual([0, 0]);
  });

  // covers: IF24
  test('goes with its device, and its number is not given again before the iommufd is closed', () => {
    const { rig, device, viommu, vdevice } = rigged();
    const id = vdevice(1);
    device.close();
    expect(rig.destroy(id)).toBe(-ERRNO.ENOENT);
    expect(rig.destroy(viommu)).toBe(0);
    const made = Array.from({ length: id + 2 }, () => rig.ioas());
    expect(made).not.toContain(id);
    expect(made).toContain(device.id);
  });

  // covers: IF24
  test('a device that was bound again can be given the number of the guest again', () => {
    const { rig, viommu, vdevice } = rigged();
    const other = rig.device(ACCELERATOR);
    const id = vdevice(7, other);
    other.close();
    const again = rig.device(ACCELERATOR);
    const made = rig.make('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: again.id, virt_id: 7 });
    expect(made).toBeGreaterThan(id);
  });
});
