import { describe, expect, it } from 'vitest';
import { VfioPciCoreDevice } from '../../src/pci-core/index.ts';
import { VfioPci, type VfioPciParameters } from '../../src/pci-core/vfio-pci.ts';
import { Bench, E } from './bench.ts';

const registry = { registerDevice: () => 0, *unregisterDevice() {} };

function load(bench: Bench, parameters: Partial<VfioPciParameters> = {}): VfioPci {
  const module = new VfioPci(registry, parameters);
  bench.kernel.run(bench.kernel.bus.registerDriver(module.driver));
  return module;
}

describe('the vfio-pci driver', () => {
  // covers: LC23
  it('takes no device unless an administrator names one', () => {
    const bench = new Bench();
    const { driver } = load(bench);
    const pdev = bench.pdev('0000:00:02.0');
    expect(pdev.driver).toBeUndefined();
    pdev.driverOverride = 'vfio-pci';
    expect(bench.kernel.run(bench.kernel.bus.autoprobe(pdev))).toBe(0);
    expect(pdev.driver).toBe(driver);
    expect(pdev.driverData).toBeInstanceOf(VfioPciCoreDevice);
  });

  // covers: LC23
  it('takes devices by its ids parameter', () => {
    const bench = new Bench();
    load(bench, { ids: '1234:11e8,8086:10c9' });
    expect(bench.pdev('0000:00:02.0').driver?.name).toBe('vfio-pci');
    expect(bench.pdev('0000:01:00.0').driver?.name).toBe('vfio-pci');
    expect(bench.pdev('0000:00:03.0').driver).toBeUndefined();
  });

  // covers: LC22
  it('refuses functions on its denylist unless told not to', () => {
    for (const disable_denylist of [false, true]) {
      const bench = new Bench();
      const { driver } = load(bench, { disable_denylist });
      const pdev = bench.pdev('0000:00:02.0');
      Object.assign(pdev, { vendor: 0x8086, device: 0x0b25 });
      expect(driver.probe(pdev)).toBe(disable_denylist ? 0 : E.EINVAL);
    }
  });

  // covers: SR01 SR03
  it('makes VFs only if allowed, and claims them', () => {
    const bench = new Bench();
    const module = load(bench, { ids: '8086:10c9' });
    const pdev = bench.pdev('0000:01:00.0');
    pdev.sriovDriversAutoprobe = false;
    expect(module.driver.sriovConfigure!(pdev, 1)).toBe(E.ENOENT);
    module.parameters.enable_sriov = true;
    const call = module.driver.sriovConfigure!(pdev, 1);
    expect(typeof call === 'number' ? call : bench.kernel.run(call)).toBe(1);
    expect(pdev.virtfns[0]!.driver).toBe(module.driver);
  });

  // covers: DB06
  it('latches what a device was bound with', () => {
    const bench = new Bench();
    const module = load(bench, { nointxmask: true });
    const pdev = bench.pdev('0000:00:02.0');
    module.driver.probe(pdev);
    module.parameters.nointxmask = false;
    expect((pdev.driverData as VfioPciCoreDevice).nointxmask).toBe(true);
  });

  it('removes VFs before it lets go of their PF', () => {
    const bench = new Bench();
    const module = load(bench, { ids: '8086:10c9', enable_sriov: true });
    const pdev = bench.pdev('0000:01:00.0');
    const call = module.driver.sriovConfigure!(pdev, 2);
    if (typeof call !== 'number') bench.kernel.run(call);
    bench.kernel.run(bench.kernel.bus.unbind(pdev));
    expect(pdev.numVfs).toBe(0);
    expect(pdev.virtfns).toEqual([]);
  });
});
