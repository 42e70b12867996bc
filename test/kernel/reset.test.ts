import { describe, expect, test } from 'vitest';
import { COMMAND, EXP, MSIX, PCI, PM } from '../../sim/pci/registers.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { PciDriver } from '../../src/kernel/pci/driver.ts';
import { resetMethods, tryResetFunction } from '../../src/kernel/pci/reset.ts';
import { busReset } from '../../src/pci-core/bus-reset.ts';
import { CARD, ROOT_PORT, simple } from '../sim/bare.ts';
import { configureVfs, driver, E, Rig } from './rig.ts';

const PF = '01:00.0';
const PM_SOFT = { kind: 'pm', at: CARD.PM, body: '030000000000' };
const AF = { kind: 'af', at: 0xe0, body: '060300' };
const NO_FLR = { kind: 'exp', at: CARD.EXP, body: '02000080000000000000' };
const FLR = { kind: 'exp', at: CARD.EXP, body: '02000080001000000000' };

// covers: RS10
describe('the method', () => {
  const only = (capabilities: readonly object[], below = true): Rig => {
    const slot = { devfn: '00.0', function: simple('x', { capabilities: capabilities as never }) };
    return new Rig(below ? [{ ...ROOT_PORT, devfn: '01.0', below: [slot] }] : [{ ...slot, devfn: '03.0' }]);
  };

  test.each([
    ['FLR comes before all others', [PM_SOFT, FLR, AF], 'flr af_flr pm bus', 'flr'],
    ['then the one of Advanced Features', [PM_SOFT, NO_FLR, AF], 'af_flr pm bus', 'flr'],
    ['then a trip to D3hot', [PM_SOFT, NO_FLR], 'pm bus', 'pm'],
    ['at last a reset of the bus', [NO_FLR], 'bus', 'bus'],
  ])('%s', (_what, capabilities, methods, kind) => {
    const rig = only(capabilities);
    expect(
      resetMethods(rig.device(PF))
        .map(({ name }) => name)
        .join(' '),
    ).toBe(methods);
    expect(rig.cat(rig.sys(PF, 'reset_method'))).toBe(`${methods}\n`);
    expect(rig.echo(rig.sys(PF, 'reset'), '1')).toBe(1);
    expect(rig.bare.probe(rig.device(PF).function).resets).toEqual([kind]);
  });

  test('a bus reset is no method for a function that does not come back from one, nor for those beside it', () => {
    const quirk = simple('x', { capabilities: [NO_FLR] as never, quirks: ['no_bus_reset'] });
    const below = [{ devfn: '00.0', function: quirk }];
    const rig = new Rig([{ ...ROOT_PORT, devfn: '01.0', below }]);
    expect(resetMethods(rig.device(PF))).toEqual([]);
    const beside = { devfn: '01.0', function: simple('y') };
    const both = new Rig([{ ...ROOT_PORT, devfn: '01.0', below: [...below, beside] }]);
    expect(busReset.probe(both.device('01:01.0'))).toBe(E.ENOTTY);
  });

  // covers: RS15
  test.each([
    ['FLR', [FLR], 100],
    ['the one of Advanced Features', [NO_FLR, AF], 100],
    ['a trip to D3hot, 10 ms each way', [PM_SOFT, NO_FLR], 20],
    ['a reset of the bus', [NO_FLR], 100],
  ])('%s takes its time', (_what, capabilities, milliseconds) => {
    const rig = only(capabilities);
    const before = rig.kernel.scheduler.now;
    expect(rig.run(tryResetFunction(rig.device(PF)))).toBe(0);
    expect(rig.kernel.scheduler.now - before).toBe(milliseconds * 1_000_000);
  });

  test('a function on the root bus without any has no reset file', () => {
    const rig = only([NO_FLR], false);
    expect(rig.echo(rig.sys('00:03.0', 'reset'), '1')).toBe(E.ENOENT);
    expect(rig.run(tryResetFunction(rig.device('00:03.0')))).toBe(E.ENOTTY);
  });

  test('a bus reset is no method where it would hit a sibling', () => {
    const slot = (devfn: string) => ({ devfn, function: simple(devfn, { capabilities: [NO_FLR] as never }) });
    const rig = new Rig([{ ...ROOT_PORT, devfn: '01.0', below: [slot('00.0'), slot('01.0')] }]);
    expect(resetMethods(rig.device(PF))).toEqual([]);
  });

  test('anything but 1 is EINVAL', () => {
    const rig = new Rig();
    for (const text of ['0', '2', 'x']) expect(rig.echo(rig.sys(PF, 'reset'), text)).toBe(E.EINVAL);
    expect(rig.bare.probe(rig.device(PF).function).resets).toEqual([]);
  });
});

describe('around a reset', () => {
  // covers: HW09 RS11
  test('BARs, command, MSI-X and PCI Express controls come back, the device’s own registers do not', () => {
    const rig = new Rig();
    const { function: fn } = rig.device(PF);
    rig.bare.master(fn);
    fn.configWrite(CARD.EXP + EXP.DEVCTL, 2, 0x2010);
    fn.configWrite(CARD.MSIX + MSIX.FLAGS, 2, 0x8000);
    rig.device(PF).msixEnabled = true;
    fn.write(0, CARD.TABLE, 4, 0xfee0_0000);
    fn.write(0, 0x100, 4, 7);
    const before = fn.config.bytes.slice(0, 0x100);
    const bars = [...fn.windows];
    rig.run(tryResetFunction(rig.device(PF)));
    expect([...fn.config.bytes.slice(0, 0x100)]).toEqual([...before]);
    expect(fn.windows).toEqual(bars);
    expect([fn.read(0, CARD.TABLE, 4), fn.read(0, 0x100, 4)]).toEqual([0xfee0_0000, 0]);
  });

  test('so do the latencies that it may report', () => {
    const ltr = { kind: 'ltr', at: 0x120 };
    const slot = { devfn: '00.0', function: simple('x', { capabilities: [FLR, ltr] as never }) };
    const device = new Rig([{ ...ROOT_PORT, devfn: '01.0', below: [slot] }]).device(PF);
    device.writeConfig(0x124, 4, 0x1003_0801);
    device.scheduler.run(tryResetFunction(device));
    expect(device.readConfig(0x124, 4)).toBe(0x1003_0801);
  });

  test('AER masks stay as they were, and what led to the reset is not seen again', () => {
    const rig = new Rig();
    const { function: fn } = rig.device(PF);
    fn.configWrite(CARD.AER + 0x08, 4, 0x0010_0000);
    fn.config.set(CARD.AER + 0x04, 4, 0x0004_0000);
    fn.config.set(CARD.AER + 0x10, 4, 0x0001);
    rig.run(tryResetFunction(rig.device(PF)));
    expect([0x04, 0x08, 0x10].map((at) => fn.configRead(CARD.AER + at, 4))).toEqual([0, 0x0010_0000, 0]);
  });

  test('a function that slept is awake afterwards', () => {
    const rig = new Rig();
    const { function: fn } = rig.device(PF);
    fn.configWrite(CARD.PM + PM.CTRL, 2, 3);
    rig.run(tryResetFunction(rig.device(PF)));
    expect(fn.powerState).toBe(0);
  });

  test('nothing leaves the function while it is under way', () => {
    const rig = new Rig();
    const device = rig.device(PF);
    rig.bare.memory(device.function, 0x1000);
    rig.bare.master(device.function);
    const { dma } = rig.bare.probe(device.function).ports;
    const thread = rig.kernel.scheduler.start('reset', tryResetFunction(device));
    expect(thread.done).toBe(false);
    expect([device.resetting, device.readConfig(PCI.COMMAND, 2) & COMMAND.MASTER]).toEqual([true, 0]);
    expect(dma.write(0x1000, Uint8Array.of(1))).toBe(false);
    rig.kernel.scheduler.settle();
    expect([thread.result, device.resetting, dma.write(0x1000, Uint8Array.of(1))]).toEqual([0, false, true]);
  });

  test('the function is quiet before it comes: no decoding, no mastering, no INTx', () => {
    const rig = new Rig();
    const { function: fn } = rig.device(PF);
    rig.bare.master(fn);
    const commands: number[] = [];
    rig.bare.hardware.fabric.events.on('reset', () => commands.push(fn.configRead(PCI.COMMAND, 2)));
    rig.run(tryResetFunction(rig.device(PF)));
    expect(commands).toEqual([COMMAND.INTX_DISABLE]);
  });

  test('the driver hears of it before and after, whoever asked', () => {
    const rig = new Rig();
    const log: string[] = [];
    const more: Partial<PciDriver> = {
      ids: [{ vendor: 0x1234, device: 0x00f0 }],
      resetPrepare: () => log.push('prepare'),
      resetDone: () => {
        log.push('done');
      },
    };
    rig.load(driver('d', [], more));
    rig.bare.hardware.fabric.events.on('reset', ({ kind }) => log.push(kind));
    rig.echo(rig.sys(PF, 'reset'), '1');
    expect(log).toEqual(['prepare', 'flr', 'done']);
  });

  test('a second reset meanwhile is EAGAIN and touches nothing', () => {
    const rig = new Rig();
    const device = rig.device(PF);
    rig.kernel.scheduler.start('first', tryResetFunction(device));
    expect(rig.run(tryResetFunction(device))).toBe(E.EAGAIN);
    expect(rig.bare.probe(device.function).resets).toEqual(['flr']);
  });

  // Fails as long as the wait gives way without sleeping: the other thread’s timer then never comes.
  test('a write to the reset file waits for one that is under way', () => {
    const rig = new Rig();
    const device = rig.device(PF);
    const { scheduler } = rig.kernel;
    scheduler.start('first', tryResetFunction(device));
    const fd = rig.root.open(rig.sys(PF, 'reset'), { read: false, write: true, nonblock: false });
    const page = rig.root.memory.allocate(4096);
    rig.root.memory.write(page, Buffer.from('1'));
    const second = scheduler.start('second', rig.root.writeCall(fd, page, 1, undefined) as Task<number>);
    for (let steps = 0; steps < 1000 && !second.done; steps++) scheduler.step();
    expect(second.result).toBe(1);
    expect(rig.bare.probe(device.function).resets).toEqual(['flr', 'flr']);
  });
});

// covers: RS13
test('a secondary bus reset reaches siblings and VFs, and all of them work afterwards', () => {
  const rig = new Rig();
  rig.load(driver('pf', [], { ids: [{ vendor: 0x1234, device: 0x00f0 }], sriovConfigure: configureVfs }));
  rig.echo(rig.sys(PF, 'sriov_numvfs'), '2');
  const pf = rig.device(PF);
  const all = [pf, ...pf.virtfns].map((device) => device.function);
  for (const fn of all) fn.write(0, 0, 4, 7);
  expect(rig.run(busReset.reset(pf))).toBe(0);
  expect(all.map((fn) => rig.bare.probe(fn).resets.includes('bus'))).toEqual([true, true, true]);
  expect(all.map((fn) => fn.read(0, 0, 4))).toEqual([0, 0, 0]);
  expect(pf.function.virtuals).toHaveLength(2);
});
