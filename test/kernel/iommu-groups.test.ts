import { describe, expect, test } from 'vitest';
import { recorded } from '../../sim/machines/recorded.ts';
import type { BridgeDescription, SlotDescription } from '../../sim/pci/description.ts';
import type { PciBus } from '../../src/kernel/pci/bus.ts';
import { Machine } from '../../src/machine/machine.ts';
import { card, ROOT_PORT, simple } from '../sim/bare.ts';
import { configureVfs, driver, Rig } from './rig.ts';

const ALL = 0x1d;
const fn = (devfn: string, more = {}): SlotDescription => ({ devfn, function: simple(devfn, more) });
const port = (
  kind: BridgeDescription['kind'],
  devfn: string,
  acs: number,
  ...below: SlotDescription[]
): SlotDescription => ({
  kind,
  devfn,
  acs,
  below,
});
const ACS = [{ kind: 'acs', at: 0x140 }];

/** Names of the ports and devices of each group, in the order of the groups' numbers. */
const named = (bus: PciBus): string[] =>
  [...bus.groups.values()].map(({ ports, devices }) =>
    [...ports, ...devices.map(({ name }) => name)].map((name) => name.slice(5)).join(' '),
  );
const groups = (...root: SlotDescription[]): string[] => named(new Rig(root).kernel.bus);

describe('isolation by ACS', () => {
  test('endpoints below root ports with ACS have a group each', () => {
    expect(groups(port('root-port', '01.0', ALL, fn('00.0')), port('root-port', '02.0', ALL, fn('00.0')))).toEqual([
      '00:01.0',
      '00:02.0',
      '01:00.0',
      '02:00.0',
    ]);
  });

  // An upstream port of one function counts as isolating, so that even ports without ACS do not share a group.
  const WITH_PORT = ['02:00.0 03:00.0', '02:01.0 04:00.0'];
  // covers: HW18
  test.each([
    ['everything', 0, WITH_PORT],
    ['source validation', ALL & ~0x01, WITH_PORT],
    ['request redirection', ALL & ~0x04, WITH_PORT],
    ['completion redirection', ALL & ~0x08, WITH_PORT],
    ['upstream forwarding', ALL & ~0x10, WITH_PORT],
    ['nothing', ALL, ['02:00.0', '02:01.0', '03:00.0', '04:00.0']],
  ])('two endpoints below a switch whose ports lack %s', (_what, acs, expected) => {
    const down = (devfn: string): SlotDescription => port('downstream-port', devfn, acs, fn('00.0'));
    const upstream = port('upstream-port', '00.0', acs, down('00.0'), down('01.0'));
    expect(groups(port('root-port', '01.0', ALL, upstream))).toEqual(['00:01.0', '01:00.0', ...expected]);
  });

  // covers: HW18
  test('one port without ACS on the way up spoils the isolation below it', () => {
    const down = (devfn: string): SlotDescription => port('downstream-port', devfn, ALL, fn('00.0'));
    const upstream = port('upstream-port', '00.0', ALL, down('00.0'), down('01.0'));
    expect(groups(port('root-port', '01.0', 0, upstream), fn('05.0'))).toEqual([
      '00:01.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0',
      '00:05.0',
    ]);
  });
});

describe('functions of one slot', () => {
  // covers: HW18
  test('share a group unless they have ACS', () => {
    expect(groups({ ...ROOT_PORT, devfn: '01.0', below: [fn('00.0'), fn('00.1'), fn('01.0')] })).toEqual([
      '00:01.0',
      '01:00.0 01:00.1',
      '01:01.0',
    ]);
    const capabilities = [...simple('x').capabilities!, ...ACS];
    const guarded = (devfn: string): SlotDescription => fn(devfn, { capabilities });
    expect(groups({ ...ROOT_PORT, devfn: '01.0', below: [guarded('00.0'), guarded('00.1')] })).toEqual([
      '00:01.0',
      '01:00.0',
      '01:00.1',
    ]);
  });
});

// covers: HW18
test('everything behind a PCIe-to-PCI bridge is one group', () => {
  const conventional = { capabilities: [], configSize: 256 as const };
  const bridge: SlotDescription = {
    kind: 'pcie-to-pci',
    devfn: '00.0',
    below: [fn('03.0', conventional), fn('05.0', conventional)],
  };
  expect(groups({ ...ROOT_PORT, devfn: '01.0', below: [bridge] }, fn('09.0'))).toEqual([
    '00:01.0',
    '00:09.0',
    '01:00.0 02:03.0 02:05.0',
  ]);
});

describe('VFs', () => {
  const withVfs = (acs: number): string[] => {
    const rig = new Rig([port('root-port', '01.0', acs, { devfn: '00.0', function: card })]);
    const ids = [{ vendor: 0x1234, device: 0x00f0 }];
    rig.load(driver('pf', [], { ids, sriovConfigure: configureVfs }));
    rig.echo(rig.sys('01:00.0', 'sriov_numvfs'), '2');
    return named(rig.kernel.bus);
  };
  test('have a group each where the PF’s way up isolates', () => {
    expect(withVfs(ALL)).toEqual(['00:01.0', '01:00.0', '01:02.0', '01:02.2']);
  });
  // covers: HW18
  test('are in the PF’s group where it does not', () => {
    expect(withVfs(0)).toEqual(['00:01.0 01:00.0 01:02.0 01:02.2']);
  });
});

test('the groups of the recorded machine have the recorded numbers', () => {
  const { bus } = new Machine(recorded).kernel;
  const numberOf = (bdf: string): number => bus.devices.get(`0000:${bdf}`)!.group!.id;
  expect(['01:00.0', '07:00.0', '07:00.1'].map(numberOf)).toEqual([10, 15, 15]);
  expect(numberOf('09:01.0')).toBe(numberOf('09:02.0'));
});
