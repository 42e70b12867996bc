import { describe, expect, test } from 'vitest';
import { driver, E, Rig } from './rig.ts';

const PF = '01:00.0';
/** What the rig's card is: its subsystem and class too. */
const CARD = '1234 00f0';

function loaded(): { rig: Rig; file(name: string): string; bound(): boolean } {
  const rig = new Rig();
  rig.load(driver('d', []));
  const bound = (): boolean => typeof rig.root.readlink(rig.sys(PF, 'driver')) === 'string';
  return { rig, file: (name) => `/sys/bus/pci/drivers/d/${name}`, bound };
}

describe('new_id', () => {
  test('binds the devices that have the id', () => {
    const { rig, file, bound } = loaded();
    expect(bound()).toBe(false);
    expect(rig.echo(file('new_id'), `${CARD}\n`)).toBe(CARD.length + 1);
    expect(bound()).toBe(true);
  });

  test('looks at the subsystem and at the masked bits of the class, if they are given', () => {
    const { rig, file, bound } = loaded();
    rig.echo(file('new_id'), `${CARD} 1af4 1100`);
    rig.echo(file('new_id'), `${CARD} ffffffff ffffffff 030000 ff0000`);
    expect(bound()).toBe(false);
    rig.echo(file('new_id'), `${CARD} ffffffff ffffffff 02ffff ff0000`);
    expect(bound()).toBe(true);
  });

  test('refuses what is no id, and one that the driver matches already', () => {
    const { rig, file } = loaded();
    expect(rig.echo(file('new_id'), '1234')).toBe(E.EINVAL);
    expect(rig.echo(file('new_id'), 'x y')).toBe(E.EINVAL);
    rig.echo(file('new_id'), CARD);
    expect(rig.echo(file('new_id'), CARD)).toBe(E.EEXIST);
  });
});

describe('remove_id', () => {
  test('takes an added id back; what is bound stays bound', () => {
    const { rig, file, bound } = loaded();
    rig.echo(file('new_id'), CARD);
    expect(rig.echo(file('remove_id'), CARD)).toBe(CARD.length);
    expect(bound()).toBe(true);
    rig.echo(file('unbind'), '0000:01:00.0');
    expect(rig.echo(file('bind'), '0000:01:00.0')).toBe(E.ENODEV);
    expect(rig.echo(file('remove_id'), CARD)).toBe(E.ENODEV);
    expect(rig.echo(file('remove_id'), '1234')).toBe(E.EINVAL);
  });
});
