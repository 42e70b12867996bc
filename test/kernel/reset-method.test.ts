import { describe, expect, test } from 'vitest';
import { driver, E, Rig } from './rig.ts';

const PF = '01:00.0';

/** The rig's card, with its file, and what of it has been reset and how. */
function card() {
  const rig = new Rig();
  const file = rig.sys(PF, 'reset_method');
  const kinds: string[] = [];
  rig.bare.hardware.fabric.events.on('reset', ({ kind }) => kinds.push(kind));
  return { rig, file, kinds, reset: () => rig.echo(rig.sys(PF, 'reset'), '1') };
}

describe('reset_method', () => {
  test('lists what works, first choice first', () => {
    const { rig, file } = card();
    expect(rig.cat(file)).toBe('flr pm bus\n');
  });

  test('orders and limits what is tried, until it is the default again', () => {
    const { rig, file, kinds, reset } = card();
    expect(rig.echo(file, 'bus flr\n')).toBe(8);
    expect(rig.cat(file)).toBe('bus flr\n');
    expect(reset()).toBe(1);
    rig.echo(file, 'default');
    reset();
    expect([rig.cat(file), kinds]).toEqual(['flr pm bus\n', ['bus', 'flr']]);
  });

  test('refuses a method that does not work here, and one named twice', () => {
    const { rig, file } = card();
    for (const text of ['af_flr', 'nonsense', 'flr flr', 'flr default']) expect(rig.echo(file, text)).toBe(E.EINVAL);
    expect(rig.cat(file)).toBe('flr pm bus\n');
  });

  test('left empty makes the device one that cannot be reset', () => {
    const { rig, file, kinds, reset } = card();
    expect(rig.echo(file, '\n')).toBe(1);
    expect([rig.cat(file), reset(), kinds]).toEqual(['', E.ENOTTY, []]);
  });
});

describe('a device that is removed', () => {
  test('leaves its driver and its group, and is found again by a rescan', () => {
    const rig = new Rig();
    const log: string[] = [];
    rig.load(driver('d', log, { ids: [{ vendor: 0x1234, device: 0x00f0 }] }));
    expect(rig.echo(rig.sys(PF, 'remove'), '1')).toBe(1);
    expect([rig.root.readdir('/sys/bus/pci/devices'), rig.cat(rig.sys(PF, 'vendor'))]).toEqual([[], E.ENOENT]);
    expect(rig.root.readdir('/sys/kernel/iommu_groups')).not.toContain('1');
    expect(rig.echo('/sys/bus/pci/rescan', '1')).toBe(1);
    expect(rig.root.readlink(rig.sys(PF, 'driver'))).toBe('/sys/bus/pci/drivers/d');
    expect(rig.root.readlink(rig.sys(PF, 'iommu_group'))).toBe('/sys/kernel/iommu_groups/1');
  });

  test('stays for 0, and for what is no number', () => {
    const rig = new Rig();
    expect([rig.echo(rig.sys(PF, 'remove'), '0'), rig.echo(rig.sys(PF, 'remove'), 'x')]).toEqual([1, E.EINVAL]);
    expect(rig.echo('/sys/bus/pci/rescan', 'x')).toBe(E.EINVAL);
    expect(rig.cat(rig.sys(PF, 'vendor'))).toBe('0x1234\n');
  });
});
