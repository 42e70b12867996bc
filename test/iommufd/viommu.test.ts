import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_ALLOC_FLAG, HWPT_DATA, HWPT_INVALIDATE_DATA, IOMMU, VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { ACCELERATOR, type Fields, PLAIN, Rig, UNMAPPED } from './rig.ts';

const { ARM_SMMUV3, TEGRA241_CMDQV } = VIOMMU_TYPE;

/** A vIOMMU on a parent that shows 64 KiB at 1 MiB. */
function rigged(type: number = ARM_SMMUV3) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const memory = rig.allocate(0x1_0000);
  rig.map(ioas, 0x10_0000, memory, 0x1_0000);
  const parent = rig.parent(device, ioas);
  const viommu = rig.make('VIOMMU_ALLOC', { type, dev_id: device.id, hwpt_id: parent });
  const vdevice = (virt_id: number | bigint, of = device): number =>
    rig.make('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: of.id, virt_id });
  /** A nested page table by a stream table entry. */
  const nested = (low: number | bigint, high: number | bigint = 0, more: Fields = {}, flags = 0): number => {
    const data = rig.allocate(0x1000);
    rig.put(data, low, high);
    const fields = { data_type: HWPT_DATA.ARM_SMMUV3, data_len: 16, data_uptr: data, ...more };
    return rig.hwpt(device, viommu, flags, fields);
  };
  return { rig, device, ioas, memory, parent, viommu, vdevice, nested };
}

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

describe('INVALIDATE', () => {
  const { VTD_S1, VIOMMU_ARM_SMMUV3 } = HWPT_INVALIDATE_DATA;

  function entries(rig: Rig, ...words: (number | bigint)[]): number {
    const data = rig.allocate(0x1000);
    rig.put(data, ...words);
    return data;
  }
  /** The answer, and how many entries were handled. */
  const flush = (rig: Rig, hwpt_id: number, fields: Fields): [number, number] => {
    const result = rig.call('HWPT_INVALIDATE', { hwpt_id, ...fields });
    return [result, rig.out('entry_num')];
  };
  function nestedOnVtd() {
    const { rig, device, parent, ioas } = rigged();
    const data_uptr = entries(rig, 0, 0x1000, 48);
    const hwpt = rig.hwpt(device, parent, 0, { data_type: HWPT_DATA.VTD_S1, data_len: 24, data_uptr });
    return { rig, hwpt, parent, ioas };
  }

  // covers: IF22
  test('of a nested page table handles entry by entry, and says how many were in order', () => {
    const { rig, hwpt } = nestedOnVtd();
    const good = [0x1000, 1, 0, 0, 2n ** 64n - 1n, 1];
    const run = (...more: (number | bigint)[]): [number, number] => {
      const words = [...good, ...more];
      const fields = { data_type: VTD_S1, entry_len: 24, entry_num: words.length / 3 };
      return flush(rig, hwpt, { ...fields, data_uptr: entries(rig, ...words) });
    };
    expect(run()).toEqual([0, 2]);
    expect(run(0x1001, 1, 0)).toEqual([-ERRNO.EINVAL, 2]);
    expect(run(0x1000, 2n ** 64n - 1n, 0)).toEqual([-ERRNO.EINVAL, 2]);
    expect(run(0x1000, 1, 2)).toEqual([-ERRNO.EOPNOTSUPP, 2]);
    expect(run(0x1000, 1, 2n ** 32n)).toEqual([-ERRNO.EOPNOTSUPP, 2]);
  });

  // covers: IF22
  test('answers no entries handled for whatever is wrong with the call itself', () => {
    const { rig, hwpt, parent, ioas } = nestedOnVtd();
    const good = { data_type: VTD_S1, entry_len: 24, entry_num: 1, data_uptr: entries(rig, 0x1000, 1, 0) };
    const wrong: [Fields, number, number?][] = [
      [{ __reserved: 1 }, ERRNO.EOPNOTSUPP],
      [{ data_uptr: 0 }, ERRNO.EINVAL],
      [{ entry_len: 0 }, ERRNO.EINVAL],
      [{ entry_len: 0x1001 }, ERRNO.EINVAL],
      [{ entry_num: 2 ** 19 + 1 }, ERRNO.EINVAL],
      [{ data_type: VIOMMU_ARM_SMMUV3 }, ERRNO.EINVAL],
      [{ entry_len: 23 }, ERRNO.EINVAL],
      [{ entry_len: 32 }, ERRNO.EINVAL],
      [{ data_uptr: UNMAPPED }, ERRNO.EFAULT],
      [{}, ERRNO.ENOENT, 99],
      [{}, ERRNO.EINVAL, parent],
      [{}, ERRNO.EINVAL, ioas],
    ];
    for (const [fields, errno, id = hwpt] of wrong)
      expect([fields, flush(rig, id, { ...good, ...fields })]).toEqual([fields, [-errno, 0]]);
    expect(flush(rig, hwpt, { data_type: VTD_S1 })).toEqual([0, 0]);
  });

  // covers: IF22
  test('is EFAULT where the count cannot be written back, though the entries were handled', () => {
    const { rig, hwpt } = nestedOnVtd();
    const { process } = rig;
    const file = process.memfd(0x1000);
    const [writable, readOnly] = [true, false].map((write) =>
      process.mmap(file, 0, 0x1000, { read: true, write, shared: true }),
    ) as [number, number];
    rig.put(writable, 32n | (BigInt(hwpt) << 32n));
    const answers = [readOnly, writable].map((address) => process.ioctl(rig.fd, IOMMU.HWPT_INVALIDATE, address));
    expect(answers).toEqual([-ERRNO.EFAULT, 0]);
  });

  // covers: IF22
  test('of a vIOMMU runs the guest’s commands: its own translations, and devices that it knows', () => {
    const { rig, viommu, vdevice } = rigged();
    vdevice(0x42);
    const run = (...commands: bigint[]): [number, number] =>
      flush(rig, viommu, {
        data_type: VIOMMU_ARM_SMMUV3,
        entry_len: 16,
        entry_num: commands.length,
        data_uptr: entries(rig, ...commands.flatMap((command) => [command, 0n])),
      });
    expect(run(0x10n, 0x11n, 0x12n, 0x13n, 0x30n)).toEqual([0, 5]);
    for (const opcode of [0x05n, 0x06n, 0x40n]) {
      expect(run(opcode | (0x42n << 32n))).toEqual([0, 1]);
      expect(run(0x10n, opcode | (0x43n << 32n))).toEqual([-ERRNO.EIO, 1]);
    }
    // Configuration of streams and the host’s own translations are not the guest’s to flush.
    for (const opcode of [0x03n, 0x04n, 0x20n, 0x28n, 0x2an, 0x46n]) expect(run(opcode)).toEqual([-ERRNO.EIO, 0]);
  });

  // covers: IF22
  test('of a vIOMMU takes commands that are shorter or longer, if what is more is zero', () => {
    const { rig, viommu } = rigged();
    const run = (entry_len: number, ...words: bigint[]): [number, number] =>
      flush(rig, viommu, { data_type: 1, entry_len, entry_num: 1, data_uptr: entries(rig, ...words) });
    expect([run(8, 0x10n), run(24, 0x10n, 0n, 0n), run(24, 0x10n, 0n, 1n)]).toEqual([
      [0, 1],
      [0, 1],
      [-ERRNO.E2BIG, 0],
    ]);
    expect(flush(rig, viommu, { data_type: VTD_S1 })).toEqual([-ERRNO.EINVAL, 0]);
  });

  // covers: IF22
  test('of a page table nested in a vIOMMU is the vIOMMU’s affair', () => {
    const { rig, nested } = rigged();
    expect(flush(rig, nested(1), { data_type: VTD_S1 })).toEqual([-ERRNO.EOPNOTSUPP, 0]);
  });
});
