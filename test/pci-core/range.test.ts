import { describe, expect, it } from 'vitest';
import { vfio_pci_config_rw_single, vfio_pci_core_range_intersect_range } from '../../src/pci-core/index.ts';
import { Bench, E } from './bench.ts';

describe('helpers for drivers that emulate registers', () => {
  it('find the part of a transfer that touches a register', () => {
    expect(vfio_pci_core_range_intersect_range(0x10, 8, 0x14, 4)).toEqual({
      bufOffset: 4,
      registerOffset: 0,
      length: 4,
    });
    expect(vfio_pci_core_range_intersect_range(0x16, 4, 0x14, 4)).toEqual({
      bufOffset: 0,
      registerOffset: 2,
      length: 2,
    });
    expect(vfio_pci_core_range_intersect_range(0x10, 4, 0x14, 4)).toBeUndefined();
  });

  it('do one chunk of configuration space', () => {
    const bench = new Bench();
    const { core } = bench.open('0000:01:00.0');
    expect(vfio_pci_config_rw_single(core, bench.user, bench.page, 64, 1, false)).toBe(1);
    expect(vfio_pci_config_rw_single(core, bench.user, bench.page, 64, 4, false)).toBe(4);
    expect(vfio_pci_config_rw_single(core, bench.user, bench.page, 64, 0xff0, false)).toBe(E.EFAULT);
    bench.put([6, 0, 0, 0]);
    expect(vfio_pci_config_rw_single(core, bench.user, bench.page, 2, 4, true)).toBe(2);
    expect(core.pdev.readConfig(4, 2) & 7).toBe(6);
  });
});
