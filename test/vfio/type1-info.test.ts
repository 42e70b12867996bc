import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { TestMachine, UNMAPPED, v2 } from './container-machine.ts';

const { EFAULT, EINVAL } = ERRNO;

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

describe('GET_INFO', () => {
  const HEAD = '0000000300000000102040000000';
  // covers: T113
  it('tells the size it needs to those who gave less, and writes no more than they have', () => {
    const { user, container } = v2();
    expect(user.process.ioctl(container, VFIO.IOMMU_GET_INFO, UNMAPPED)).toBe(-EFAULT);
    for (const argsz of [0, 8, 15]) expect(user.info(container, argsz).ret).toBe(-EINVAL);
    for (const argsz of [16, 20, 24, 119]) {
      const { ret, bytes: out } = user.info(container, argsz, 0xa5);
      expect(ret).toBe(0);
      expect(hex(out.subarray(0, 15))).toBe(`78${HEAD}`);
      expect(hex(out.subarray(16, Math.min(24, argsz)))).toBe('0'.repeat(2 * (Math.min(24, argsz) - 16)));
      expect(out.subarray(Math.min(24, argsz)).every((byte) => byte === 0xa5)).toBe(true);
    }
  });

  // covers: T113
  it('lists migration, entries left and IOVA ranges, each pointing to the next', () => {
    const { user, container, memory } = v2();
    user.map(container, 0, 0x1000, memory);
    const { ret, bytes: out } = user.info(container, 120, 0xff);
    expect(ret).toBe(0);
    expect(hex(out.subarray(0, 120))).toBe(
      [
        '7800000003000000',
        '0010204000000000',
        '1800000000000000',
        '0200010038000000',
        '0000000000000000',
        '0010000000000000',
        '0000001000000000',
        '0300010048000000',
        'feff000000000000',
        '0100010000000000',
        '0200000000000000',
        '0000000000000000',
        'ffffdffe00000000',
        '0000f0fe00000000',
        'ffffffffffff0000',
      ].join(''),
    );
    expect(out.subarray(120).every((byte) => byte === 0xff)).toBe(true);
  });

  it('has no IOVA ranges without an IOMMU, and offers every page size', () => {
    const machine = new TestMachine();
    const user = machine.user();
    const container = user.open('/dev/vfio/vfio');
    const group = user.open(machine.emulated('m').group!.path);
    user.setContainer(group, container);
    user.process.ioctl(container, VFIO.SET_IOMMU, 3);
    const { bytes: out } = user.info(container, 24);
    expect(hex(out.subarray(0, 16))).toBe('480000000300000000f0ffffffffffff');
  });

  // covers: T116
  it('hides page sizes below a page', () => {
    const { user, container } = new TestMachine({ pageSizes: [0x200, 0x20_0000] }).opened();
    expect(hex(user.info(container).bytes.subarray(8, 16))).toBe('0010200000000000');
    const large = new TestMachine({ pageSizes: [0x1_0000] }).opened();
    expect(hex(large.user.info(large.container).bytes.subarray(8, 16))).toBe('0000010000000000');
    expect(large.user.map(large.container, 0x1000, 0x1000, large.user.page)).toBe(-EINVAL);
  });
});
