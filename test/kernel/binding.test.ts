import { describe, expect, test } from 'vitest';
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import { ROOT_PORT, simple } from '../sim/bare.ts';
import { driver, E, Rig } from './rig.ts';

const A = '01:00.0';
const B = '02:00.0';
const slot = (devfn: string) => ({ ...ROOT_PORT, devfn, below: [{ devfn: '00.0', function: simple(devfn) }] });

function setup(...more: Partial<PciDriver>[]): { rig: Rig; log: string[]; bound(): (string | undefined)[] } {
  const rig = new Rig([slot('01.0'), slot('02.0')]);
  const log: string[] = [];
  more.forEach((extra, i) => {
    rig.load(driver(`d${i}`, log, extra));
  });
  return { rig, log, bound: () => [A, B].map((name) => rig.device(name).driver?.name) };
}
const bind = (name: string): string => `/sys/bus/pci/drivers/${name}/bind`;
const unbind = (name: string): string => `/sys/bus/pci/drivers/${name}/unbind`;

describe('loading a driver', () => {
  test('binds the devices it matches, and the first driver keeps them', () => {
    const { log, bound } = setup({}, {});
    expect(bound()).toEqual(['d0', 'd0']);
    expect(log).toEqual(['d0 probes 01:00.0', 'd0 probes 02:00.0']);
  });

  test('a probe that fails leaves the device free for the next', () => {
    const { rig, bound } = setup({ probe: () => E.ENODEV }, {});
    expect(bound()).toEqual(['d1', 'd1']);
    expect(rig.device(A).group!.ownerCount).toBe(1);
  });
});

describe('driver_override', () => {
  test('shows what was written, and an empty line clears it', () => {
    const { rig } = setup();
    const path = rig.sys(A, 'driver_override');
    expect(rig.cat(path)).toBe('(null)\n');
    expect(rig.echo(path, 'other\n')).toBe(6);
    expect(rig.cat(path)).toBe('other\n');
    rig.echo(path, '\n');
    expect(rig.cat(path)).toBe('(null)\n');
  });

  test('names the one driver that may bind', () => {
    const { rig, bound } = setup({}, {});
    rig.echo(unbind('d0'), `0000:${A}`);
    rig.echo(rig.sys(A, 'driver_override'), 'd1');
    expect(rig.echo(bind('d0'), `0000:${A}`)).toBe(E.ENODEV);
    expect(rig.echo('/sys/bus/pci/drivers_probe', `0000:${A}`)).toBe(12);
    expect(bound()).toEqual(['d1', 'd0']);
  });

  test('lets a driver take a device that is not in its table, be that table for overrides only or not', () => {
    const ids = [{ vendor: 0xdead, device: 0xbeef }];
    const { rig, bound } = setup({ ids }, { ids, overrideOnly: true });
    for (const [name, device] of [
      ['d0', A],
      ['d1', B],
    ] as const) {
      rig.echo(rig.sys(device, 'driver_override'), name);
      rig.echo('/sys/bus/pci/drivers_probe', `0000:${device}`);
    }
    expect(bound()).toEqual(['d0', 'd1']);
  });

  // covers: LC23
  test('a table for overrides only does not match by itself', () => {
    const { rig, bound } = setup({ overrideOnly: true });
    expect(bound()).toEqual([undefined, undefined]);
    rig.echo(rig.sys(B, 'driver_override'), 'd0');
    expect(rig.echo(bind('d0'), `0000:${B}`)).toBe(12);
    expect(bound()).toEqual([undefined, 'd0']);
  });
});

describe('bind and unbind', () => {
  test('a device goes from driver to driver', () => {
    const { rig, log, bound } = setup({}, {});
    log.length = 0;
    expect(rig.echo(unbind('d0'), `0000:${A}\n`)).toBe(13);
    expect(bound()).toEqual([undefined, 'd0']);
    expect(rig.echo(bind('d1'), `0000:${A}`)).toBe(12);
    expect(bound()).toEqual(['d1', 'd0']);
    expect(log).toEqual(['d0 leaves 01:00.0', 'd1 probes 01:00.0']);
  });

  test('no such device, a device of another driver, and one that is bound are refused and stay as they are', () => {
    const { rig, log, bound } = setup({}, { ids: [] });
    log.length = 0;
    expect(rig.echo(bind('d0'), '0000:09:00.0')).toBe(E.ENODEV);
    expect(rig.echo(unbind('d0'), '0000:09:00.0')).toBe(E.ENODEV);
    expect(rig.echo(unbind('d1'), `0000:${A}`)).toBe(E.ENODEV);
    expect(rig.echo(bind('d1'), `0000:${A}`)).toBe(E.ENODEV);
    expect(rig.echo(bind('d0'), `0000:${A}`)).toBeLessThan(0);
    expect(rig.echo('/sys/bus/pci/drivers_probe', '0000:09:00.0')).toBe(E.ENODEV);
    expect([log, bound()]).toEqual([[], ['d0', 'd0']]);
  });

  test('the errno of a probe is the answer of bind, but not of drivers_probe', () => {
    const { rig } = setup({ probe: () => E.ENOMEM });
    expect(rig.echo(bind('d0'), `0000:${A}`)).toBe(E.ENOMEM);
    expect(rig.echo('/sys/bus/pci/drivers_probe', `0000:${A}`)).toBe(12);
    expect(rig.device(A).group!.ownerCount).toBe(0);
  });

  test('unbind waits until the driver lets go, and the device is bound until then', () => {
    const { rig, bound } = setup({
      *remove() {
        yield 5000;
      },
    });
    const { scheduler } = rig.kernel;
    const thread = scheduler.start('unbind', rig.kernel.bus.unbind(rig.device(A)));
    expect([thread.done, bound()[0]]).toEqual([false, 'd0']);
    scheduler.settle();
    expect([thread.done, bound()[0], scheduler.now]).toEqual([true, undefined, 5000]);
    expect(rig.device(A).lock.locked).toBe(false);
  });
});
