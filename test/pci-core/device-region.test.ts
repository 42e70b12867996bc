import { describe, expect, it } from 'vitest';
import type { Backing, MmapRequest } from '../../src/kernel/file.ts';
import { vfio_pci_core_register_dev_region, vfio_pci_ioctl_get_region_info } from '../../src/pci-core/index.ts';
import type { DeviceRegionOps } from '../../src/pci-core/region.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { INFO_CAP, REGION_INFO_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { VfioDevice } from '../../src/vfio/device.ts';
import { VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { Bench, E, Opened, region } from './bench.ts';

const { READ, WRITE, MMAP } = REGION_INFO_FLAG;

/** The nic with one region of 16 bytes of the driver's own. */
function withRegion(more: Partial<DeviceRegionOps> = {}, flags: number = READ | WRITE) {
  const bench = new Bench();
  const device = bench.open('0000:01:00.0');
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
  const calls: [number, number, boolean][] = [];
  const ops: DeviceRegionOps = {
    rw(_core, { size, data }, caller, address, count, position, iswrite) {
      calls.push([position, count, iswrite]);
      if (position >= size) return E.EINVAL;
      const part = (data as Uint8Array).subarray(position, position + count);
      if (!iswrite) return caller.memory.write(address, part) ? part.length : E.EFAULT;
      part.set(caller.memory.read(address, part.length)!);
      return part.length;
    },
    ...more,
  };
  expect(vfio_pci_core_register_dev_region(device.core, 0x8000_15b3, 1, ops, 16, flags, bytes)).toBe(0);
  return { bench, device, bytes, calls };
}

describe('a region of the driver’s own', () => {
  // covers: RW11
  it('is read and written by the driver alone: position in the region, count, and the errno as it is', () => {
    const { device, bytes, calls } = withRegion();
    expect(device.read(region(9, 3), 5)).toBe('a3a4a5a6a7');
    expect(device.write(region(9, 14), '112233')).toBe(2);
    expect([...bytes.subarray(13)]).toEqual([0xad, 0x11, 0x22]);
    expect(device.read(region(9, 16), 1)).toBe(E.EINVAL);
    expect(calls).toEqual([
      [3, 5, false],
      [14, 3, true],
      [16, 1, false],
    ]);
    // Memory enable is a matter of BARs.
    device.setConfig(4, 2, 0);
    expect(device.read(region(9), 1)).toBe('a0');
  });

  // covers: RW11
  it('is described by its type and subtype, in a capability of 16 bytes', () => {
    const { device } = withRegion();
    expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [32, 0, 9, 0, 0, 0, 0, 0])).toBe(0);
    expect(device.words(1), 'room for it').toEqual([48]);
    expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [48, 0, 9, 0, 0, 0, 0, 0])).toBe(0);
    const words = device.words(12);
    expect(words.slice(3, 6)).toEqual([32, 16, 0]);
    expect(words.slice(8)).toEqual([0x1_0000 | INFO_CAP.REGION_TYPE, 0, 0x8000_15b3, 1]);
  });

  // covers: FD08 RW11
  it('is the last there is: what lies behind it is EINVAL', () => {
    const { device, calls } = withRegion();
    expect(device.read(region(10), 1)).toBe(E.EINVAL);
    expect(device.write(region(10), '00')).toBe(E.EINVAL);
    expect(device.mmap(region(10), 0x1000)).toBe(E.EINVAL);
    expect(calls).toEqual([]);
  });

  // covers: MM12
  it('is mapped by the driver, if it says that it can, and shared only', () => {
    const requests: number[] = [];
    const backing: Backing = {
      load: (offset, into) => {
        into.fill(0x77 + offset);
        return true;
      },
      store: () => true,
      physical: () => undefined,
    };
    const mmap = (_core: unknown, _region: unknown, request: MmapRequest) => {
      requests.push(request.offset);
      return request.length > 0x1000 ? E.EINVAL : backing;
    };
    const { bench, device } = withRegion({ mmap }, READ | MMAP);
    const mapping = device.mmap(region(9), 0x1000);
    expect(bench.user.memory.read(mapping + 1, 2)).toEqual(Uint8Array.of(0x78, 0x78));
    expect(device.mmap(region(9), 0x2000)).toBe(E.EINVAL);
    expect(requests).toEqual([region(9), region(9)]);
    expect(device.mmap(region(9), 0x1000, { read: true, write: true, shared: false })).toBe(E.EINVAL);
    for (const flags of [READ, READ | WRITE])
      expect(withRegion({ mmap }, flags).device.mmap(region(9), 0x1000)).toBe(E.EINVAL);
    expect(withRegion({}, READ | MMAP).device.mmap(region(9), 0x1000)).toBe(E.EINVAL);
    expect(requests).toHaveLength(2);
  });
});

describe('SPARSE_MMAP', () => {
  const regionInfo = (device: Opened, index: number): number[] => {
    expect(device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [72, 0, index, ...Array(15).fill(0)])).toBe(0);
    return device.words(18);
  };

  // covers: IO11
  it('is what a variant says of a region it maps in parts, and never what the library says', () => {
    const bench = new Bench();
    const plain = bench.open('0000:01:00.0');
    const area = Buffer.alloc(24);
    area.writeUInt32LE(1, 0);
    area.writeBigUInt64LE(0x1000n, 8);
    area.writeBigUInt64LE(0x3000n, 16);
    const ops = {
      ...vfioPciOps,
      get_region_info_caps: (
        core: typeof plain.core,
        index: number,
        info: Parameters<typeof vfio_pci_ioctl_get_region_info>[2],
      ) => {
        const error = vfio_pci_ioctl_get_region_info(core, index, info);
        if (index === 2) info.caps.push({ id: INFO_CAP.REGION_SPARSE_MMAP, version: 1, payload: area });
        return error;
      },
    };
    const variant = new VfioDevice(plain.core.pdev.name, ops, plain.core);
    const file = new VfioDeviceFile(variant, { granted: true, release: () => {} });
    const device = new Opened(bench, plain.core, bench.user.files.install(file));
    const words = regionInfo(device, 2);
    expect(words.slice(0, 6)).toEqual([72, READ | WRITE | MMAP | REGION_INFO_FLAG.CAPS, 2, 32, 0x100_0000, 0]);
    expect(words.slice(8, 16)).toEqual([(1 << 16) | INFO_CAP.REGION_SPARSE_MMAP, 0, 1, 0, 0x1000, 0, 0x3000, 0]);
    for (let index = 0; index < 8; index++) {
      const [, flags, , offset] = regionInfo(plain, index);
      const caps = (flags! & REGION_INFO_FLAG.CAPS) === 0 ? undefined : plain.words(18)[offset! / 4]! & 0xffff;
      expect([index, caps]).toEqual([index, index === 0 ? INFO_CAP.REGION_MSIX_MAPPABLE : undefined]);
    }
  });
});
