import { describe, expect, it } from 'vitest';
import type { InitOptions } from '../../src/pci-core/index.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, LEGACY, type Opened, region } from './bench.ts';
import { alone, nic } from './machines.ts';

const VGA = region(8);

function display(options: InitOptions = {}, code = 0x030000): Opened {
  const { sriov: _none, ...rest } = nic;
  const capabilities = nic.capabilities!.filter(({ kind }) => kind !== 'sriov');
  return new Bench(alone({ ...rest, capabilities, class: code })).open('0000:01:00.0', options);
}

describe('the VGA region', () => {
  // covers: IO08
  it('exists for a VGA controller, with the size of the legacy memory', () => {
    const device = display();
    expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [32, 0, 8, 0, 0, 0, 0, 0])).toBe(0);
    expect(device.words(8)).toEqual([32, 3, 8, 0, 0xc_0000, 0, 0, 8 << 8]);
  });

  // covers: IO08
  it('does not exist for other displays, or where the administrator disabled it', () => {
    for (const device of [display({ disableVga: true }), display({}, 0x038000)]) {
      expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [32, 0, 8, 0, 0, 0, 0, 0])).toBe(E.EINVAL);
      expect(device.read(VGA + 0xa_0000, 4)).toBe(E.EINVAL);
    }
  });

  // covers: RW09
  it('reaches memory and ports in accesses of at most four bytes', () => {
    const device = display();
    expect(device.write(VGA + 0xa_0000, '0011223344556677')).toBe(8);
    device.setConfig(4, 2, 3);
    expect(device.read(VGA + 0x3c0, 3)).toBe('000000');
    expect(device.read(VGA + 0xa_0002, 4)).toBe('22334455');
    expect(device.bench.accesses()).toEqual([
      ['write', LEGACY.memory, 0xa_0000, 4],
      ['write', LEGACY.memory, 0xa_0004, 4],
      ['read', LEGACY.io, 0x3c0, 2],
      ['read', LEGACY.io, 0x3c2, 1],
      ['read', LEGACY.memory, 0xa_0002, 2],
      ['read', LEGACY.memory, 0xa_0004, 2],
    ]);
  });

  // covers: RW09
  it('ends a transfer where a range ends, and refuses what is in none', () => {
    const device = display();
    expect(device.read(VGA + 0x3b8, 16)).toBe('00000000');
    expect(device.read(VGA + 0x3de, 16)).toBe('0000');
    expect(device.read(VGA + 0xb_fffc, 16)).toBe('00000000');
    for (const outside of [0, 0x3af, 0x3bc, 0x3e0, 0x9_ffff, 0xc_0000])
      expect(device.read(VGA + outside, 1)).toBe(E.EINVAL);
  });

  it('is not guarded by the memory bit: an address nobody decodes reads all ones', () => {
    const device = display();
    device.setConfig(4, 2, 0);
    expect(device.read(VGA + 0xa_0000, 4)).toBe('ffffffff');
    expect(device.mmap(VGA + 0xa_0000, 4096)).toBe(E.EINVAL);
  });
});
