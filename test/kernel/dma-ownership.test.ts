import { describe, expect, test } from 'vitest';
import { Domain } from '../../sim/iommu/domain.ts';
import { simple } from '../sim/bare.ts';
import { driver, E, Rig } from './rig.ts';

/** Two functions in one group. */
function setup() {
  const rig = new Rig([
    { devfn: '03.0', function: simple('a') },
    { devfn: '03.1', function: simple('b') },
  ]);
  const [a, b] = [rig.device('00:03.0'), rig.device('00:03.1')];
  const log: string[] = [];
  const host = rig.load(driver('host', log, { ids: [] }));
  const vfio = rig.load(driver('vfio', log, { ids: [], managesDma: true }));
  const take = (by: typeof host, device: typeof a): number => {
    device.driverOverride = by.name;
    return rig.echo(`/sys/bus/pci/drivers/${by.name}/bind`, device.name);
  };
  return { rig, a, b, group: a.group!, host, vfio, take, owner: {} };
}

describe('claiming a group for a container', () => {
  // covers: GP07
  test('is EPERM while a host driver uses any of its devices', () => {
    const { a, group, take, host, owner, rig } = setup();
    expect(take(host, a)).toBe(12);
    expect(group.claim(owner)).toBe(E.EPERM);
    rig.echo('/sys/bus/pci/drivers/host/unbind', a.name);
    expect(group.claim(owner)).toBe(0);
  });

  // covers: LC25 GP07
  test('is no matter to drivers that leave DMA to the user', () => {
    const { a, group, take, vfio, owner } = setup();
    take(vfio, a);
    expect(group.claim(owner)).toBe(0);
    expect(group.claim({})).toBe(E.EPERM);
  });

  // covers: GP07
  test('keeps host drivers away: EBUSY, until it is given back', () => {
    const { b, group, take, host, vfio, owner, rig } = setup();
    group.claim(owner);
    expect(take(host, b)).toBe(E.EBUSY);
    expect(b.driver).toBeUndefined();
    expect(take(vfio, b)).toBe(12);
    rig.echo('/sys/bus/pci/drivers/vfio/unbind', b.name);
    group.release();
    expect(take(host, b)).toBe(12);
  });
});

test('claims of one owner add up, and the last release counts', () => {
  const { group, owner } = setup();
  expect([group.claimDevice(owner), group.claimDevice(owner), group.claimDevice({})]).toEqual([0, 0, E.EPERM]);
  group.release();
  expect(group.claim({})).toBe(E.EPERM);
  group.release();
  expect(group.claim({})).toBe(0);
});

// covers: GP07 HW14
test('from claim to attach nothing of the group reaches memory, and after release the host’s buffers are back', () => {
  const { rig, a, b, group, owner } = setup();
  const buffer = a.allocateDma(4096);
  for (const device of [a, b]) rig.bare.master(device.function);
  const write = (device: typeof a, iova: number): boolean =>
    rig.bare.probe(device.function).ports.dma.write(iova, Uint8Array.of(1));
  const both = (iova: number): boolean[] => [write(a, iova), write(b, iova)];
  expect(both(buffer.iova)).toEqual([true, true]);
  group.claim(owner);
  expect(both(buffer.iova)).toEqual([false, false]);
  const user = new Domain('paging', 'user');
  const extent = rig.bare.hardware.memory.allocate('user', 4096);
  user.map({ start: 0x1000, length: 4096, physical: extent.start, read: true, write: true });
  group.attach(user);
  expect([both(0x1000), both(buffer.iova)]).toEqual([
    [true, true],
    [false, false],
  ]);
  group.detach();
  expect(both(0x1000)).toEqual([false, false]);
  group.release();
  expect([both(0x1000), both(buffer.iova)]).toEqual([
    [false, false],
    [true, true],
  ]);
  buffer.free();
  expect(both(buffer.iova)).toEqual([false, false]);
});
