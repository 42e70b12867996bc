import { describe, expect, it } from 'vitest';
import { vfio_pci_core_register_dev_region } from '../../src/pci-core/index.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, type Opened, region } from './bench.ts';

function regionInfo(device: Opened, index: number, argsz = 32): { ret: number; words: number[] } {
  const ret = device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [argsz, 0, index, 0x77, 0, 0, 0, 0, 0, 0, 0, 0]);
  return { ret, words: device.words(12) };
}

describe('GET_INFO', () => {
  // covers: IO01
  it('counts regions and interrupts, and says whether RESET works', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, [16, 0xff, 0xff, 0xff, 0x11, 0x11])).toBe(0);
    expect(device.words(6)).toEqual([16, 3, 9, 5, 0x11, 0x11]);
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, [24, 0xff, 0xff, 0xff, 0x11, 0x11])).toBe(0);
    expect(device.words(6)).toEqual([24, 3, 9, 5, 0, 0]);
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, [15])).toBe(E.EINVAL);
  });

  // covers: LC08
  it('leaves the reset flag off where no method works', () => {
    const device = new Bench().open('0000:00:03.0');
    device.ioctl(VFIO.DEVICE_GET_INFO, [16, 0, 0, 0]);
    expect(device.words(2)).toEqual([16, 2]);
  });

  // covers: IO01
  it('faults on memory that cannot be read, or takes no answer', () => {
    const { bench, fd } = new Bench().open('0000:01:00.0');
    for (const at of [0x10, bench.locked([16]), bench.locked([24])])
      expect(bench.user.ioctl(fd, VFIO.DEVICE_GET_INFO, at)).toBe(E.EFAULT);
    expect(bench.user.ioctl(fd, VFIO.DEVICE_GET_INFO, bench.locked([15]))).toBe(E.EINVAL);
  });
});

describe('GET_REGION_INFO', () => {
  // covers: IO04 IO10
  it('shows a BAR that can be mapped although it holds the MSI-X table', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(regionInfo(device, 0).words.slice(0, 8)).toEqual([40, 0xf, 0, 0, 0x4000, 0, 0, 0]);
    const { words } = regionInfo(device, 0, 40);
    expect(words.slice(0, 8)).toEqual([40, 0xf, 0, 32, 0x4000, 0, 0, 0]);
    expect(words.slice(8, 10)).toEqual([(1 << 16) | 3, 0]);
  });

  // covers: IO06 IO12
  it('echoes cap_offset of a region without capabilities', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(regionInfo(device, 7).words.slice(0, 8)).toEqual([32, 3, 7, 0x77, 4096, 0, 0, 7 << 8]);
  });

  // covers: IO04 IO05 IO07
  it('tells I/O BARs, upper halves, ROM and small BARs apart', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(regionInfo(device, 1).words.slice(1, 5)).toEqual([3, 1, 0x77, 0x20]);
    expect(regionInfo(device, 3).words.slice(1, 5)).toEqual([0, 3, 0x77, 0]);
    expect(regionInfo(device, 5).words.slice(1, 5)).toEqual([7, 5, 0x77, 0x100]);
    device.setConfig(4, 2, 0);
    const command = device.raw(4, 2);
    expect(regionInfo(device, 6).words.slice(1, 5)).toEqual([1, 6, 0x77, 0x1_0000]);
    expect(device.raw(4, 2)).toBe(command);
  });

  it('has no VGA region, and none behind the last', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(regionInfo(device, 8).ret).toBe(E.EINVAL);
    expect(regionInfo(device, 9).ret).toBe(E.EINVAL);
  });

  // covers: IO09
  it("describes a driver's own region by its type", () => {
    const device = new Bench().open('0000:01:00.0');
    const ops = { rw: (_c: unknown, _r: unknown, _p: unknown, _a: number, count: number) => count };
    vfio_pci_core_register_dev_region(device.core, 0x8000_8086, 2, ops, 0x100, 1, undefined);
    const { ret, words } = regionInfo(device, 9, 64);
    expect(ret).toBe(0);
    expect(words.slice(0, 5)).toEqual([64, 9, 9, 32, 0x100]);
    expect(words.slice(8, 12)).toEqual([(1 << 16) | 2, 0, 0x8000_8086, 2]);
    expect(device.read(region(9), 4)).toHaveLength(8);
  });
});

describe('GET_IRQ_INFO', () => {
  // covers: IO14 IO15
  it.each([
    [0, 7, 1],
    [1, 9, 8],
    [2, 1, 8],
    [3, 9, 1],
    [4, 9, 1],
  ])('index %i: flags %i, count %i', (index, flags, count) => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, index, 0])).toBe(0);
    expect(device.words(4)).toEqual([16, flags, index, count]);
  });

  // covers: IO14 IO16 IO17
  it('has no INTx on a VF, no MSI-X on a conventional device, but always an error index', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    device.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 0, 0]);
    expect(device.words(4)[3]).toBe(0);
    const legacy = bench.open('0000:00:02.0');
    legacy.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 2, 0]);
    expect(legacy.words(4)).toEqual([16, 9, 2, 0]);
    legacy.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 3, 0]);
    expect(legacy.words(4)).toEqual([16, 9, 3, 1]);
    expect(legacy.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 5, 0])).toBe(E.EINVAL);
    expect(legacy.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [15, 0, 0, 0])).toBe(E.EINVAL);
  });

  // covers: IO16
  it('faults on memory that cannot be read, or takes no answer, the index in between', () => {
    const { bench, fd } = new Bench().open('0000:01:00.0');
    const ask = (at: number) => bench.user.ioctl(fd, VFIO.DEVICE_GET_IRQ_INFO, at);
    expect(ask(0x10)).toBe(E.EFAULT);
    expect(ask(bench.locked([16, 0, 0, 0, 0, 0, 0, 0, 5]))).toBe(E.EINVAL);
    expect(ask(bench.locked([16, 0, 0, 0, 0, 0, 0, 0, 4]))).toBe(E.EFAULT);
  });

  // covers: IO15
  it('cannot grow MSI-X where the host cannot allocate vectors one by one', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    core.platformDynMsix = false;
    const device = bench.openBound(core);
    device.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 2, 0]);
    expect(device.words(4)).toEqual([16, 9, 2, 8]);
  });
});

describe('unknown commands', () => {
  // covers: FD04 FD05
  it('are ENOTTY', () => {
    const device = new Bench().open('0000:01:00.0');
    for (const command of [VFIO.GET_API_VERSION, VFIO.DEVICE_QUERY_GFX_PLANE, VFIO.DEVICE_ATTACH_IOMMUFD_PT, 0x3b80])
      expect(device.ioctl(command, [24, 0])).toBe(E.ENOTTY);
  });
});
