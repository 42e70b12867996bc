import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_DATA, HWPT_INVALIDATE_DATA, IOMMU } from '../../src/uapi/iommufd.ts';
import { type Fields, type Rig, UNMAPPED } from './rig.ts';
import { rigged } from './viommu-rig.ts';

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

describe('INVALIDATE', () => {
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
