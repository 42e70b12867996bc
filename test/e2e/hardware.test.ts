import { describe, expect, test } from 'vitest';
import { MSIX_TABLE_AT } from '../../sim/devices/mlx5/description.ts';
import { VF_ID, VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import { MSIX_ENTRY } from '../../sim/pci/registers.ts';
import { PCI_REGION } from '../../src/uapi/vfio.ts';
import { Guest } from './guest.ts';
import { RAM_AT, Site, type Vm } from './site.ts';

const MSIX_INDEX = 2;
/** Whether each MSI-X entry of the function is masked, as the hardware has it. */
function masks(vm: Vm): boolean[] {
  const { function: fn } = vm.site.machine.kernel.bus.devices.get(vm.site.bdf(0))!;
  return Array.from(
    { length: 8 },
    (_, vector) => (fn.read(0, MSIX_TABLE_AT + 16 * vector + MSIX_ENTRY.CTRL, 4) & 1) !== 0,
  );
}

// covers: IR15 IR19
test('MSI-X entries are masked in the device while no eventfd is behind them', () => {
  const vm = new Site().vm();
  expect(masks(vm)).toEqual([false, false, true, true, true, true, true, true]);
  expect(vm.device.setIrqs(MSIX_INDEX, 1, [-1])).toBe(0);
  expect(masks(vm).slice(0, 3)).toEqual([false, true, true]);
  expect(vm.device.setIrqs(MSIX_INDEX, 0, [])).toBe(0);
  expect(masks(vm)).toEqual(new Array(8).fill(true));
});

test('a completion signals the eventfd of its queue’s vector and no other', () => {
  const vm = new Site().vm();
  const guest = new Guest(vm);
  guest.post(1);
  vm.site.settle();
  guest.conclude();
  expect([guest.wrong, vm.events.map((event) => event.count)]).toEqual([[], [0n, 1n]]);
});

describe('VFIO_DEVICE_RESET', () => {
  // covers: RS01 RS11
  test('clears the device and leaves its BAR in place, its configuration as the user set it', () => {
    const vm = new Site().vm();
    vm.device.write(0, VF_REG.SCRATCH, 4, 5);
    const command = vm.device.read(PCI_REGION.CONFIG, 4, 2);
    expect(vm.device.reset()).toBe(0);
    expect(vm.device.read(0, VF_REG.ID, 4)).toBe(VF_ID);
    expect(vm.device.read(0, VF_REG.SCRATCH, 4)).toBe(0);
    expect(vm.device.read(PCI_REGION.CONFIG, 4, 2)).toBe(command);
  });

  // covers: IR25
  test('interrupts and mappings still serve the device afterwards', () => {
    const vm = new Site().vm();
    expect(vm.device.reset()).toBe(0);
    const guest = new Guest(vm);
    guest.post(0);
    vm.site.settle();
    guest.conclude();
    expect([guest.wrong, vm.events[0].count]).toEqual([[], 1n]);
  });
});

// covers: SR10 SR12 CF11
test('a VF that shows all ones in hardware shows its ids and its BAR to the user', () => {
  const vm = new Site().vm();
  expect(vm.device.read(PCI_REGION.CONFIG, 0, 4)).toBe(0x101e_15b3);
  vm.device.write(PCI_REGION.CONFIG, 0x10, 4, 0xffff_ffff);
  expect(vm.device.read(PCI_REGION.CONFIG, 0x10, 4)).toBe(0xfffe_000c);
});

test('after the last close nothing of the user’s reaches memory, and the next user finds a device as new', () => {
  const site = new Site();
  const vm = site.vm();
  const guest = new Guest(vm);
  vm.device.write(0, VF_REG.SCRATCH, 4, 5);
  guest.post(0);
  vm.device.close();
  const faults: number[] = [];
  site.machine.hardware.fabric.events.on('dma', ({ iova }) => faults.push(iova));
  site.settle();
  expect(faults.filter((iova) => iova >= RAM_AT && iova < RAM_AT + 0x10_0000)).toEqual([]);
  vm.process.exit();
  const next = site.vm();
  expect(next.device.read(0, VF_REG.SCRATCH, 4)).toBe(0);
});
