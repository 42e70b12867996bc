import { describe, expect, it, vi } from 'vitest';
import {
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_disable,
  vfio_pci_core_enable,
  vfio_pci_core_finish_enable,
  vfio_pci_core_register_dev_region,
  vfio_pci_core_sriov_configure,
  vfio_pci_core_unregister_device,
} from '../../src/pci-core/index.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E, region } from './bench.ts';

describe('binding', () => {
  // covers: LC06
  it('puts an idle function to sleep, unless told not to', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:01:00.0');
    const core = bench.bind(pdev);
    expect(pdev.function.powerState).toBe(3);
    const device = bench.openBound(core);
    expect(pdev.function.powerState).toBe(0);
    device.close();
    expect(pdev.function.powerState).toBe(3);
    bench.kernel.run(vfio_pci_core_unregister_device(core));
    expect(pdev.function.powerState).toBe(0);
    bench.bind(pdev, { disableIdleD3: true });
    expect(pdev.function.powerState).toBe(0);
  });
});

describe('open and close', () => {
  // covers: LC07 LC16 LC17
  it('reset the function, and leave it without mastering and decode as it was', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:01:00.0');
    const core = bench.bind(pdev, { disableIdleD3: true });
    const resets: string[] = [];
    bench.hardware.fabric.events.on('reset', ({ kind }) => resets.push(kind));
    const before = pdev.readConfig(4, 2);
    const device = bench.openBound(core);
    expect(resets).toEqual(['flr']);
    device.setConfig(4, 2, 0x0007);
    device.write(region(0, 0x10), '78563412');
    device.setIrqs(0x24, 2, 0, 1, [bench.eventfd().fd]);
    device.close();
    expect(resets).toEqual(['flr', 'flr']);
    expect(pdev.readConfig(4, 2)).toBe(before);
    expect(pdev.readConfig(0xa2, 2)).toBe(0x0007);
    expect(core.irqs.isNone).toBe(true);
    expect(bench.openBound(core).read(region(0, 0x10), 4)).toBe('00000000');
  });

  // covers: LC07
  it('fail with EAGAIN while somebody holds the device lock, and leave nothing behind', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:01:00.0');
    const core = bench.bind(pdev);
    pdev.lock.tryLock();
    expect(bench.kernel.run(vfio_pci_core_enable(core))).toBe(E.EAGAIN);
    expect(pdev.enableCount).toBe(0);
    expect(pdev.function.powerState).toBe(3);
    pdev.lock.unlock();
    expect(bench.openBound(core).config(0, 2)).toBe(0x8086);
  });

  // covers: IR23
  it('return every host vector', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    for (const index of [1, 2]) {
      const device = bench.openBound(core);
      device.setIrqs(0x24, index, 0, 3, [-1, -1, bench.eventfd().fd]);
      device.close();
    }
    expect(core.pdev.allocateVector(() => {})!.index).toBe(0);
  });

  // covers: IR20 IR23
  it('forget the error and request eventfds', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:00:02.0'));
    const device = bench.openBound(core);
    const { fd, counter } = bench.eventfd();
    device.setIrqs(0x24, 3, 0, 1, [fd]);
    vfio_pci_core_aer_err_detected(core.pdev);
    expect(counter.drain()).toBe(1n);
    device.close();
    vfio_pci_core_aer_err_detected(core.pdev);
    expect(counter.drain()).toBe(0n);
  });

  // covers: LC09
  it('take mastering away that firmware left on, at open', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:01:00.0');
    const core = bench.bind(pdev, { disableIdleD3: true });
    pdev.writeConfig(4, 2, pdev.readConfig(4, 2) | 4);
    const device = bench.openBound(core);
    expect([device.raw(4, 2) & 4, device.config(4, 2) & 4]).toEqual([0, 0]);
  });

  // covers: LC17
  it('give the function up unreset, and remember, if the device lock is taken at the last close', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { core } = device;
    const kinds: string[] = [];
    bench.hardware.fabric.events.on('reset', ({ kind }) => kinds.push(kind));
    core.pdev.lock.tryLock();
    device.close();
    expect([kinds, core.needsReset, core.isOpen]).toEqual([[], true, false]);
    core.pdev.lock.unlock();
    bench.openBound(core).close();
    expect(core.needsReset).toBe(false);
  });

  // covers: LC15 LC16
  it('close what a user set up before the reset, which meets a silent function', () => {
    const bench = new Bench();
    const pf = bench.bind(bench.pdev('0000:01:00.0'));
    pf.pdev.sriovDriversAutoprobe = false;
    bench.kernel.run(vfio_pci_core_sriov_configure(pf, 1));
    const core = bench.bind(pf.pdev.virtfns[0]!);
    const device = bench.openBound(core);
    device.setConfig(4, 2, 6);
    const { fd } = bench.eventfd();
    device.setIrqs(0x24, 2, 0, 1, [fd]);
    const release = () => log.push('regions');
    vfio_pci_core_register_dev_region(core, 1, 1, { rw: () => 0, release }, 0x100, 1, undefined);
    const command = () => device.raw(4, 2);
    const log: unknown[] = [];
    const users = pf.vfToken!.users;
    vi.spyOn(core.dmaBufs!, 'cleanup').mockImplementation(() => void log.push(['dma-buf', pf.vfToken!.users - users]));
    vi.spyOn(core.power, 'exit').mockImplementation(() => void log.push('low power'));
    vi.spyOn(core.power, 'setState').mockImplementation((state) => log.push(`D${state}`) && 0);
    const disable = core.irqs.disable.bind(core.irqs);
    vi.spyOn(core.irqs, 'disable').mockImplementation(() => {
      log.push(['interrupts', command() & 4]);
      disable();
    });
    vi.spyOn(core.ioeventfds, 'clear').mockImplementation(() => void log.push('ioeventfds'));
    bench.hardware.fabric.events.on('reset', ({ kind }) => log.push([kind, device.raw(0x72, 2) & 0x8000]));
    device.close();
    expect(log).toEqual([['dma-buf', -1], 'low power', 'D0', ['interrupts', 0], 'ioeventfds', 'regions', ['flr', 0]]);
  });

  // covers: LC16
  it('disable decode and mastering before the reset of the last close', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(4, 2, 7);
    const commands: number[] = [];
    bench.hardware.fabric.events.on('reset', () => commands.push(device.raw(4, 2)));
    device.close();
    expect(commands).toEqual([0x0400]);
  });

  // covers: CF15
  it('never use INTx of functions known to be broken', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:00:02.0');
    Object.assign(pdev, { vendor: 0x8086, device: 0x1572 });
    const device = bench.open(pdev);
    expect(device.config(0x3d, 1)).toBe(0);
    expect(device.raw(4, 2) & 0x400).toBe(0x400);
    expect(device.setIrqs(0x24, 0, 0, 1, [-1])).toBe(E.EINVAL);
    expect(device.ioctl(VFIO.DEVICE_GET_IRQ_INFO, [16, 0, 0, 0])).toBe(0);
    expect(device.words(4)[3]).toBe(0);
  });
});

describe('a driver’s own open', () => {
  // covers: LC14
  it('stands between the two halves: the device is enabled before, and offers mappings after', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    expect(bench.kernel.run(vfio_pci_core_enable(core))).toBe(0);
    expect([core.isOpen, core.pdev.enableCount, core.resetWorks]).toEqual([true, 1, true]);
    expect(core.bars.mmapSupported).toEqual(Array(6).fill(false));
    vfio_pci_core_finish_enable(core);
    expect(core.bars.mmapSupported).toEqual([true, false, true, false, true, true]);
  });

  // covers: LC14
  it('that fails disables the device again, and leaves it as before', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    const before = core.pdev.readConfig(4, 2);
    expect(bench.kernel.run(vfio_pci_core_enable(core))).toBe(0);
    bench.kernel.run(
      (function* () {
        yield* vfio_pci_core_disable(core);
        return 0;
      })(),
    );
    expect([core.isOpen, core.pdev.enableCount, core.pdev.function.powerState]).toEqual([false, 0, 3]);
    expect(core.pdev.readConfig(4, 2)).toBe(before);
    expect(bench.openBound(core).config(0, 2)).toBe(0x8086);
  });
});

describe('SR-IOV through the library', () => {
  // covers: SR01 SR09
  it('counts as once until it is switched off', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:01:00.0'));
    core.pdev.sriovDriversAutoprobe = false;
    expect(bench.kernel.run(vfio_pci_core_sriov_configure(core, 2))).toBe(2);
    expect(core.pdev.function.powerState).toBe(0);
    expect(bench.kernel.run(vfio_pci_core_sriov_configure(core, 1))).toBe(E.EINVAL);
    expect(bench.kernel.run(vfio_pci_core_sriov_configure(core, 0))).toBe(0);
    expect(core.pdev.function.powerState).toBe(3);
    expect(bench.kernel.run(vfio_pci_core_sriov_configure(core, 99))).toBe(E.EINVAL);
    expect(core.sriovListed).toBe(false);
  });
});
