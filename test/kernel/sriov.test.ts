import { describe, expect, test } from 'vitest';
import { EXT_CAP, PCI, SRIOV } from '../../sim/pci/registers.ts';
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import { enableSriov } from '../../src/kernel/pci/sriov.ts';
import { CARD } from '../sim/bare.ts';
import { configureVfs, driver, E, Rig } from './rig.ts';

const PF = '01:00.0';
const VFS = ['01:02.0', '01:02.2', '01:02.4', '01:02.6'];
const PF_IDS = [{ vendor: 0x1234, device: 0x00f0 }];
const VF_IDS = [{ vendor: 0x1234, device: 0x00f1 }];

function setup(pf: Partial<PciDriver> = { sriovConfigure: configureVfs }): { rig: Rig; log: string[] } {
  const rig = new Rig();
  const log: string[] = [];
  rig.load(driver('pf', log, { ids: PF_IDS, ...pf }));
  rig.load(driver('vf', log, { ids: VF_IDS }));
  log.length = 0;
  return { rig, log };
}
const numvfs = (rig: Rig, text: string): number => rig.echo(rig.sys(PF, 'sriov_numvfs'), text);

describe('sriov_numvfs', () => {
  // covers: SR02 SR10
  test('makes VFs, which are devices with links, a group and a driver of their own', () => {
    const { rig, log } = setup();
    expect(numvfs(rig, '2')).toBe(1);
    expect(rig.cat(rig.sys(PF, 'sriov_numvfs'))).toBe('2\n');
    expect(log).toEqual(['vf probes 01:02.0', 'vf probes 01:02.2']);
    expect(rig.root.readlink(rig.sys(PF, 'virtfn1'))).toBe(rig.sys(VFS[1]!));
    expect(rig.root.readlink(rig.sys(VFS[1]!, 'physfn'))).toBe(rig.sys(PF));
    expect(rig.cat(rig.sys(VFS[1]!, 'vendor'))).toBe('0x1234\n');
    expect(rig.cat(rig.sys(VFS[1]!, 'device'))).toBe('0x00f1\n');
    expect(new Set([PF, VFS[0]!, VFS[1]!].map((name) => rig.device(name).group)).size).toBe(3);
  });

  test('0 takes them away again, last one first', () => {
    const { rig, log } = setup();
    numvfs(rig, '3');
    log.length = 0;
    expect(numvfs(rig, '0')).toBe(1);
    expect(log).toEqual(['vf leaves 01:02.4', 'vf leaves 01:02.2', 'vf leaves 01:02.0']);
    expect(rig.root.readdir('/sys/bus/pci/devices')).toEqual(['0000:01:00.0']);
    expect([...rig.kernel.bus.groups.keys()]).toEqual([0, 1]);
    expect(rig.device(PF).function.virtuals).toEqual([]);
  });

  // covers: SR02
  test('more than TotalVFs is ERANGE, another number while some are enabled EBUSY, the same number nothing', () => {
    const { rig, log } = setup();
    expect(numvfs(rig, '5')).toBe(E.ERANGE);
    numvfs(rig, '2');
    log.length = 0;
    expect(numvfs(rig, '3')).toBe(E.EBUSY);
    expect(numvfs(rig, '2')).toBe(1);
    expect(log).toEqual([]);
    expect(rig.cat(rig.sys(PF, 'sriov_numvfs'))).toBe('2\n');
  });

  // covers: SR02
  test('without a driver, or with one that knows nothing of VFs, it is ENOENT', () => {
    expect(numvfs(setup({}).rig, '1')).toBe(E.ENOENT);
    expect(numvfs(setup({ ids: [] }).rig, '1')).toBe(E.ENOENT);
    expect(numvfs(setup({}).rig, '0')).toBe(1);
  });

  test('what is no number is EINVAL', () => {
    const { rig } = setup();
    expect(['', 'x', '-1', '1 2', '0x', '08'].map((text) => numvfs(rig, text)).slice(1)).toEqual(
      new Array(5).fill(E.EINVAL),
    );
    expect(numvfs(rig, '0x2\n')).toBe(4);
    expect(rig.device(PF).virtfns).toHaveLength(2);
  });

  // covers: SR02
  test('the driver’s errno is the answer, and no VF is there', () => {
    const { rig } = setup({ sriovConfigure: () => E.ENOMEM });
    expect(numvfs(rig, '1')).toBe(E.ENOMEM);
    expect(rig.device(PF).virtfns).toEqual([]);
  });
});

describe('enabling VFs by the driver', () => {
  // covers: SR02
  test('is EINVAL beyond what there is and when some are there, and EIO where the capability is not sound', () => {
    const { rig } = setup();
    const pf = rig.device(PF);
    const enable = (count: number): number => rig.run(enableSriov(pf, count));
    expect([enable(5), enable(-1), enable(0)]).toEqual([E.EINVAL, E.EINVAL, 0]);
    pf.function.config.set(CARD.SRIOV + SRIOV.INITIAL_VF, 2, 3);
    expect([enable(2), pf.numVfs]).toEqual([E.EIO, 0]);
    pf.function.config.set(CARD.SRIOV + SRIOV.INITIAL_VF, 2, 4);
    expect([enable(2), enable(2), enable(1)]).toEqual([0, E.EINVAL, E.EINVAL]);
    expect(pf.virtfns).toHaveLength(2);
  });

  // covers: HW11 RS15
  test('takes 100 ms until they answer, and a second when they go', () => {
    const { rig } = setup();
    const { scheduler } = rig.kernel;
    const began = scheduler.now;
    numvfs(rig, '2');
    const enabled = scheduler.now;
    numvfs(rig, '0');
    expect([enabled - began, scheduler.now - enabled]).toEqual([100_000_000, 1_000_000_000]);
  });
});

describe('sriov_drivers_autoprobe', () => {
  test('0 leaves VFs without a driver, unless an override names one', () => {
    const { rig, log } = setup({
      sriovConfigure: configureVfs,
      virtualAdded: (_pf, vf) => {
        if (vf.vfId === 1) vf.driverOverride = 'vf';
      },
    });
    const path = rig.sys(PF, 'sriov_drivers_autoprobe');
    expect(rig.cat(path)).toBe('1\n');
    expect(rig.echo(path, '0')).toBe(1);
    expect(rig.echo(path, '7')).toBe(E.EINVAL);
    numvfs(rig, '3');
    expect(log).toEqual(['vf probes 01:02.2']);
    expect(rig.cat(path)).toBe('0\n');
  });
});

test('unbinding the PF’s driver takes the VFs away first', () => {
  const { rig, log } = setup();
  numvfs(rig, '1');
  log.length = 0;
  rig.echo('/sys/bus/pci/drivers/pf/unbind', `0000:${PF}`);
  expect(log).toEqual(['vf leaves 01:02.0', 'pf leaves 01:00.0']);
  expect(rig.device(PF).numVfs).toBe(0);
});

// covers: SR10 SR13
test('a VF has no INTx, no memory enable, and the PF’s vendor', () => {
  const { rig } = setup();
  numvfs(rig, '1');
  const vf = rig.device(VFS[0]!);
  expect([vf.irq, vf.noCommandMemory, vf.vendor, vf.vfId]).toEqual([0, true, 0x1234, 0]);
  expect(vf.readConfig(PCI.VENDOR_ID, 2)).toBe(0xffff);
  expect(vf.resources[0]).toMatchObject({ length: 0x4000, wide: true, prefetch: true });
  expect(vf.resources[0]!.start).toBe(vf.function.windows[0]);
});

// covers: RS12
test('a reset of the PF takes its VFs down, and the kernel brings the same VFs up again', () => {
  const { rig } = setup();
  numvfs(rig, '2');
  const pf = rig.device(PF);
  const before = [...pf.function.virtuals];
  before[0]!.write(0, 0, 4, 7);
  expect(rig.echo(rig.sys(PF, 'reset'), '1')).toBe(1);
  expect(before.map((fn) => rig.bare.probe(fn).resets)).toEqual([['bus'], ['bus']]);
  expect([...pf.function.virtuals]).toEqual(before);
  expect(pf.readConfig(CARD.SRIOV + SRIOV.NUM_VF, 2)).toBe(2);
  expect(before[0]!.read(0, 0, 4)).toBe(0);
  expect(rig.device(VFS[0]!).function).toBe(before[0]);
});

test('a reset of the PF leaves its VF BARs and page size where firmware put them, with VFs and without', () => {
  const { rig } = setup();
  const fn = rig.device(PF).function;
  const at = fn.capability(EXT_CAP.SRIOV, true);
  const registers = (): number[] => [0, 4, 8].map((more) => fn.config.read(at + SRIOV.SYS_PGSIZE + more, 4));
  const before = registers();
  expect(before[2]).not.toBe(0);
  for (const count of ['0', '2']) {
    numvfs(rig, count);
    expect(rig.echo(rig.sys(PF, 'reset'), '1')).toBe(1);
    expect(registers()).toEqual(before);
  }
});

test('a PF whose registers contradict each other gets no VFs: fewer at first than in all, without migration', () => {
  const rig = new Rig();
  rig.load(driver('pf', [], { ids: PF_IDS, sriovConfigure: configureVfs }));
  rig.device(PF).function.config.set(CARD.SRIOV + SRIOV.INITIAL_VF, 2, 2);
  expect(numvfs(rig, '1')).toBe(E.EIO);
  rig.device(PF).function.config.set(CARD.SRIOV + SRIOV.CAP, 4, 1);
  expect(numvfs(rig, '1')).toBe(1);
});
