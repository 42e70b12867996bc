import { expect, test } from 'vitest';
import { recorded } from '../sim/machines/recorded.ts';
import { PCI } from '../sim/pci/registers.ts';
import { Machine } from '../src/machine/machine.ts';

/** What a register of a function of the recorded machine keeps of what is written, all ones unless given. */
function writable(name: string, at: number, width: 1 | 2 | 4, value?: number): number {
  const device = new Machine(recorded).kernel.bus.devices.get(`0000:${name}`)!;
  device.writeConfig(at, width, value ?? (width === 4 ? 0xffff_ffff : (1 << (8 * width)) - 1));
  return device.readConfig(at, width);
}

/** Of device control and, in version 2, of device control 2. */
test.each([
  ['igb', '01:00.0', 0xa0, 0, 0x8000],
  ['e1000e', '05:00.0', 0xe0, 0, undefined],
  ['nvme', '02:00.0', 0x80, 0xf, 0x8000],
])('the %s has the device controls of the emulated device', (_name, bdf, exp, errors, second) => {
  // Without the bit that resets the function.
  expect(writable(bdf, exp + 0x08, 2, 0x7fff)).toBe(errors);
  if (second !== undefined) expect(writable(bdf, exp + 0x28, 2)).toBe(second);
});

test('network controllers have a data selector in power management, storage has none', () => {
  expect(writable('01:00.0', 0x44, 2) & 0x1fff).toBe(0x1f03);
  expect(writable('05:00.0', 0xcc, 2) & 0x1fff).toBe(0x1f03);
  expect(writable('02:00.0', 0x64, 2) & 0x1e00).toBe(0);
});

test('virtio’s window to its registers can be moved, its other capabilities not', () => {
  expect([0x88, 0x8c, 0x90, 0x94].map((at) => writable('00:09.0', at, 4))).toEqual([
    0xff,
    ...Array(3).fill(0xffff_ffff),
  ]);
  expect([0x44, 0x48, 0x74, 0x80].map((at) => writable('00:09.0', at, 4))).toEqual([4, 0, 4, 4]);
});

test('lines are those that the pins are swizzled to', () => {
  const { devices } = new Machine(recorded).kernel.bus;
  const line = (name: string): number => devices.get(`0000:${name}`)!.readConfig(PCI.INTERRUPT_LINE, 1);
  expect(['00:03.0', '09:01.0', '09:02.0'].map(line)).toEqual([11, 10, 11]);
});

test('a device below the switch is reset by its port, one below a fast port that stays silent is not', () => {
  const { devices } = new Machine(recorded).kernel.bus;
  const loses = (name: string): boolean => devices.get(`0000:${name}`)!.losesLink;
  expect(['05:00.0', '06:00.0', '07:00.0', '01:00.0', '09:01.0'].map(loses)).toEqual([false, false, true, true, false]);
});
