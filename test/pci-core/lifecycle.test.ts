import { describe, expect, it } from 'vitest';
import {
  VfioPciCoreDevice,
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_enable,
  vfio_pci_core_register_device,
  vfio_pci_core_sriov_configure,
  vfio_pci_core_unregister_device,
} from '../../src/pci-core/index.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { MIGRATION, VFIO } from '../../src/uapi/vfio.ts';
import { VfioDevice } from '../../src/vfio/device.ts';
import { Bench, E, region } from './bench.ts';

const registry = { registerDevice: () => 0, *unregisterDevice() {} };

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

  it('checks what a driver promises', () => {
    const bench = new Bench();
    const pdev = bench.pdev('0000:01:00.0');
    const core = new VfioPciCoreDevice(pdev);
    const device = new VfioDevice(pdev.name, vfioPciOps, core);
    expect(vfio_pci_core_register_device(core, device, registry)).toBe(E.EINVAL);
    pdev.driverData = core;
    device.migOps = {} as never;
    device.migrationFlags = MIGRATION.STOP_COPY;
    expect(vfio_pci_core_register_device(core, device, registry)).toBe(E.EINVAL);
    device.migOps = undefined;
    device.logOps = {} as never;
    expect(vfio_pci_core_register_device(core, device, registry)).toBe(E.EINVAL);
    device.logOps = undefined;
    pdev.numVfs = 1;
    expect(vfio_pci_core_register_device(core, device, registry)).toBe(E.EBUSY);
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
