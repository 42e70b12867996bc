import { describe, expect, test } from 'vitest';
import { HWPT_ALLOC_FLAG, VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { E, PAGE, Rig } from './ioas-rig.ts';

describe('ids', () => {
  // covers: IF02
  test('count from 1 in every open, and the lowest free one is given', () => {
    const rig = new Rig();
    const { iommu } = rig.program();
    expect([1, 2, 3, 4].map(() => iommu.allocIoas())).toEqual([1, 2, 3, 4]);
    expect([iommu.destroy(3), iommu.destroy(2)]).toEqual([0, 0]);
    expect([1, 2, 3].map(() => iommu.allocIoas())).toEqual([2, 3, 5]);
    expect(rig.program().iommu.allocIoas()).toBe(1);
  });

  // covers: IF02
  test('are shared by all kinds of objects', () => {
    const { program, iommu, ioas } = new Rig().ioas();
    const device = program.device(0);
    const hwpt = iommu.attach(device.fd, ioas);
    expect([ioas, device.id, hwpt, iommu.allocIoas()]).toEqual([1, 2, 3, 4]);
    expect(iommu.map(device.id, 0, PAGE), 'no address space').toBe(E.ENOENT);
    expect(iommu.map(hwpt, 0, PAGE)).toBe(E.ENOENT);
  });

  // covers: IF02
  test('of a virtual device that went with its device are never given again', () => {
    const { program, iommu, ioas } = new Rig({ nesting: true, virtual: 'arm-smmuv3' }).ioas();
    const device = program.device(0);
    iommu.call('HWPT_ALLOC', { dev_id: device.id, pt_id: ioas, flags: HWPT_ALLOC_FLAG.NEST_PARENT });
    const hwpt_id = iommu.field('HWPT_ALLOC', 'out_hwpt_id');
    iommu.call('VIOMMU_ALLOC', { type: VIOMMU_TYPE.ARM_SMMUV3, dev_id: device.id, hwpt_id });
    const viommu_id = iommu.field('VIOMMU_ALLOC', 'out_viommu_id');
    expect(iommu.call('VDEVICE_ALLOC', { viommu_id, dev_id: device.id })).toBe(0);
    const vdevice = iommu.field('VDEVICE_ALLOC', 'out_vdevice_id');
    device.client.close();
    expect(iommu.destroy(vdevice)).toBe(E.ENOENT);
    expect([1, 2].map(() => iommu.allocIoas())).toEqual([device.id, vdevice + 1]);
  });
});

describe('DESTROY', () => {
  // covers: IF03
  test('is ENOENT for what is not there', () => {
    const { iommu, ioas } = new Rig().ioas();
    for (const id of [0, 2, 9999, 0xffff_ffff]) expect(iommu.destroy(id)).toBe(E.ENOENT);
    expect([iommu.destroy(ioas), iommu.destroy(ioas)]).toEqual([0, E.ENOENT]);
  });

  // covers: IF03
  test('is EBUSY for a bound device, and what its attachment is made of', () => {
    const { iommu, ioas, device, hwpt } = new Rig().attached();
    expect([device.id, ioas, hwpt].map((id) => iommu.destroy(id))).toEqual([E.EBUSY, E.EBUSY, E.EBUSY]);
    expect(iommu.detach(device.fd)).toBe(0);
    expect(iommu.destroy(hwpt), 'the automatic page table is gone already').toBe(E.ENOENT);
    expect([iommu.destroy(ioas), iommu.destroy(device.id)]).toEqual([0, E.EBUSY]);
    device.client.close();
    expect(iommu.destroy(device.id)).toBe(E.ENOENT);
  });

  // covers: IF03
  test('takes a chain apart from its end only', () => {
    const { program, iommu, ioas } = new Rig({ nesting: true, virtual: 'arm-smmuv3' }).ioas();
    const device = program.device(0);
    iommu.call('HWPT_ALLOC', { dev_id: device.id, pt_id: ioas, flags: HWPT_ALLOC_FLAG.NEST_PARENT });
    const parent = iommu.field('HWPT_ALLOC', 'out_hwpt_id');
    iommu.call('VIOMMU_ALLOC', { type: VIOMMU_TYPE.ARM_SMMUV3, dev_id: device.id, hwpt_id: parent });
    const viommu = iommu.field('VIOMMU_ALLOC', 'out_viommu_id');
    iommu.call('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: device.id });
    const chain = [ioas, parent, viommu, iommu.field('VDEVICE_ALLOC', 'out_vdevice_id')];
    for (let end = chain.length - 1; end >= 0; end--) {
      for (const id of chain.slice(0, end)) expect(iommu.destroy(id)).toBe(E.EBUSY);
      expect(iommu.destroy(chain[end]!)).toBe(0);
    }
  });

  // covers: IF03 IF11
  test('of an address space gives its memory back', () => {
    const { program, iommu, ioas, memory, device } = new Rig().attached();
    iommu.map(ioas, memory, 4 * PAGE, 0);
    expect(program.process.pinnedPages).toBe(4);
    iommu.detach(device.fd);
    expect(program.process.pinnedPages).toBe(0);
    expect(iommu.destroy(ioas)).toBe(0);
  });
});

// covers: IF03
test('a bound device keeps its mappings when the descriptor of the iommufd is closed, and takes them along', () => {
  const { program, iommu, ioas, memory, device } = new Rig().attached();
  program.poke(memory, 5);
  iommu.map(ioas, memory, PAGE, 0x1000);
  program.process.close(iommu.fd);
  expect(device.read(0x1000)).toBe(5);
  device.client.close();
  expect(device.read(0x1000)).toBeUndefined();
  expect(program.process.pinnedPages).toBe(0);
});
