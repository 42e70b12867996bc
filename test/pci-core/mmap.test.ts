import { describe, expect, it, vi } from 'vitest';
import { FEATURE, VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, type Opened, region } from './bench.ts';
import { alone, legacy, machine, nic } from './machines.ts';

const lowPower = (device: Opened, feature: number): number => device.ioctl(VFIO.DEVICE_FEATURE, [8, 0x20000 | feature]);

/** PCI_HOT_RESET, which takes a file of the device's group; the core that knows such files is not here. */
function hotReset(device: Opened): number {
  const { group } = device.core.pdev;
  device.core.registry = {
    ...device.core.registry!,
    groupOfFile: (file) => (file.name === 'group' ? group : undefined),
  };
  return device.ioctl(VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, device.bench.user.files.install({ name: 'group' })]);
}

const SHARED = { read: true, write: true, shared: true };

describe('mappings of BARs', () => {
  // covers: MM01 MM02 MM03 MM04
  it('exist for memory BARs, shared, within the page-aligned length', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.mmap(region(0), 0x4000)).toBeGreaterThan(0);
    expect(device.mmap(region(0, 0x1000), 0x4000)).toBe(E.EINVAL);
    expect(device.mmap(region(0), 0x1000, { ...SHARED, shared: false })).toBe(E.EINVAL);
    expect(device.mmap(region(1), 0x1000)).toBe(E.EINVAL);
    expect(device.mmap(region(3), 0x1000)).toBe(E.EINVAL);
    for (const index of [6, 7, 8, 9]) expect(device.mmap(region(index), 0x1000)).toBe(E.EINVAL);
  });

  // covers: LC13 MM03
  it('of a small BAR cover its page, the rest of which is nobody', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(5), 0x1000);
    expect(device.bench.user.memory.read(mapping + 0xfe, 4)).toEqual(Uint8Array.of(0, 0, 0xff, 0xff));
    expect(device.mmap(region(5), 0x2000)).toBe(E.EINVAL);
  });

  it('of a small BAR do not exist if something else is on its page, or it does not start one', () => {
    const at = (index: number, address: number) => ({ index, kind: 'mem32' as const, size: 0x100, address });
    const device = new Bench(
      alone({ ...nic, bars: [at(0, 0xd000_0000), at(1, 0xd000_1000), at(2, 0xd000_1800), at(3, 0xd000_2100)] }),
    ).open('0000:01:00.0');
    expect([0, 1, 2, 3].map((bar) => device.mmap(region(bar), 0x1000) > 0)).toEqual([true, false, false, false]);
    expect(device.read(region(3), 4)).toBe('00000000');
  });

  // covers: LC13 MM04
  it('do not exist for a small BAR that starts inside a page', () => {
    const bars = [
      { index: 0, kind: 'mem32', size: 0x800, address: 0xd000_0000 },
      { index: 1, kind: 'mem32', size: 0x800, address: 0xd000_2800 },
    ] as const;
    const root = [{ devfn: '02.0', function: { ...legacy, bars } }];
    const device = new Bench({ ...machine, root }).open('0000:00:02.0');
    const flags = [0, 1].map((index) => {
      device.ioctl(VFIO.DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0]);
      return device.words(5).slice(1);
    });
    expect(flags).toEqual([
      [7, 0, 0, 0x800],
      [3, 1, 0, 0x800],
    ]);
    expect(device.mmap(region(0), 0x1000)).toBeGreaterThan(0);
    expect(device.mmap(region(1), 0x1000)).toBe(E.EINVAL);
    expect(device.read(region(1), 4)).toBe('00000000');
  });

  // covers: MM05 MM06 MM08
  it('can be made while memory is disabled, and touched once it is enabled', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(4, 2, 0);
    const mapping = device.mmap(region(0), 0x1000);
    expect(mapping).toBeGreaterThan(0);
    expect(device.touch(mapping)).toBe(false);
    device.setConfig(4, 2, 2);
    expect(device.touch(mapping)).toBe(true);
  });

  // covers: MM06 CF05
  it('go when the user disables memory: SIGBUS, not all ones', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 0x1000);
    expect(device.touch(mapping)).toBe(true);
    device.setConfig(4, 2, 0);
    expect(device.touch(mapping)).toBe(false);
    expect(device.bench.user.memory.write(mapping, Uint8Array.of(1))).toBe(false);
  });

  // covers: MM07 MM08
  it.each([
    [
      'memory is disabled',
      (device: Opened) => device.setConfig(4, 2, 0),
      (device: Opened) => device.setConfig(4, 2, 2),
    ],
    [
      'the user writes D3hot',
      (device: Opened) => device.setConfig(0x44, 2, 3),
      (device: Opened) => device.setConfig(0x44, 2, 0),
    ],
    [
      'low power is entered',
      (device: Opened) => lowPower(device, FEATURE.LOW_POWER_ENTRY),
      (device: Opened) => lowPower(device, FEATURE.LOW_POWER_EXIT),
    ],
    ['the device is reset', (device: Opened) => device.ioctl(VFIO.DEVICE_RESET, []), () => 0],
    ['an FLR is written', (device: Opened) => device.setConfig(0x68, 2, 0xa810), () => 0],
    ['the bus is reset', (device: Opened) => hotReset(device), () => 0],
  ])('lose their pages when %s, and have them again at the next touch that may', (_when, take, give) => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 0x1000);
    const faults = vi.spyOn(device.core.mappings, 'add');
    for (let touch = 0; touch < 2; touch++) expect(device.touch(mapping)).toBe(true);
    expect(faults).toHaveBeenCalledTimes(1);
    expect(take(device)).toBeGreaterThanOrEqual(0);
    give(device);
    for (let touch = 0; touch < 2; touch++) expect(device.touch(mapping)).toBe(true);
    expect(faults).toHaveBeenCalledTimes(2);
  });

  // covers: SR11
  it('of a VF fault in again although its memory bit is off', () => {
    const bench = new Bench();
    const device = bench.open(bench.vf());
    const mapping = device.mmap(region(0), 0x1000);
    expect(device.touch(mapping)).toBe(true);
    device.setConfig(4, 2, 0);
    expect(device.touch(mapping)).toBe(true);
  });

  // covers: MM09
  it('reach the real MSI-X table', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const mapping = device.mmap(region(0, 0x2000), 0x1000);
    device.setIrqs(0x24, 2, 0, 1, [bench.eventfd().fd]);
    const entry = Buffer.from(bench.user.memory.read(mapping, 16)!);
    expect(entry.readUInt32LE(0)).toBe(0xfee0_0000);
    expect(entry.readUInt32LE(12)).toBe(0);
  });

  it('give their bus address for DMA while memory is enabled', () => {
    const device = new Bench().open('0000:01:00.0');
    const { memory } = device.bench.user;
    const mapping = device.mmap(region(0), 0x1000);
    const bus = device.core.pdev.resources[0]!.start;
    expect(memory.pin(mapping, 0x1000, true)).toEqual([{ physical: bus, length: 0x1000, charged: false }]);
    device.setConfig(4, 2, 0);
    expect(memory.pin(mapping, 0x1000, true)).toBeUndefined();
  });

  it('keep the device open after its descriptor is closed', () => {
    const device = new Bench().open('0000:01:00.0');
    const mapping = device.mmap(region(0), 0x1000);
    device.close();
    expect(device.core.isOpen).toBe(true);
    expect(device.touch(mapping)).toBe(true);
    device.bench.user.munmap(mapping);
    expect(device.core.isOpen).toBe(false);
  });
});
