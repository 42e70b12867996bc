import { expect, test } from 'vitest';
import { TESTDEV, testdev } from '../../sim/devices/testdev/model.ts';
import type { DeviceModel, DevicePorts } from '../../sim/pci/model.ts';

const MEMORY = 0;
const PORTS = 1;
const model = (): DeviceModel => testdev({} as DevicePorts, undefined);

function name(device: DeviceModel): string {
  let text = '';
  for (let at: number = TESTDEV.NAME; ; at++) {
    const byte = device.read(MEMORY, at, 1);
    if (byte === 0) return text;
    text += String.fromCharCode(byte);
  }
}

test('reads 0 until a test is selected, and again after one that does not exist', () => {
  const device = model();
  expect([device.read(MEMORY, 0, 4), device.read(PORTS, 16, 4)]).toEqual([0, 0]);
  device.write(MEMORY, 0, 1, 1);
  expect(device.read(MEMORY, 1, 1)).toBe(1);
  device.write(MEMORY, 0, 1, 3);
  expect(device.read(MEMORY, 0, 4)).toBe(0);
});

test('each BAR has three tests, described by a header that both show', () => {
  const device = model();
  const seen: unknown[] = [];
  for (const bar of [MEMORY, PORTS])
    for (const number of [0, 1, 2]) {
      device.write(bar, 0, 1, number);
      const { TEST, OFFSET, DATA } = TESTDEV;
      seen.push([name(device), device.read(PORTS, TEST, 1), device.read(bar, OFFSET, 4), device.read(bar, DATA, 1)]);
    }
  expect(seen).toEqual([
    ['mmio-no-eventfd', 0, 2048, 0xfa],
    ['mmio-wildcard-eventfd', 1, 2049, 0xce],
    ['mmio-datamatch-eventfd', 2, 2050, 0xfa],
    ['portio-no-eventfd', 3, 131, 0xfa],
    ['portio-wildcard-eventfd', 4, 132, 0xce],
    ['portio-datamatch-eventfd', 5, 133, 0xfa],
  ]);
});

test('counts matching bytes at the test’s offset, until it is selected anew', () => {
  const device = model();
  device.write(MEMORY, 0, 1, 0);
  device.write(MEMORY, 2048, 1, 0xfa);
  device.write(MEMORY, 2048, 1, 0xfb);
  device.write(MEMORY, 2047, 2, 0xfafa);
  device.write(MEMORY, 2049, 1, 0xfa);
  expect(device.read(MEMORY, TESTDEV.COUNT, 4)).toBe(2);
  device.write(MEMORY, 0, 4, 0);
  expect(device.read(MEMORY, TESTDEV.COUNT, 4)).toBe(0);
});

test('a reset ends the test', () => {
  const device = model();
  device.write(PORTS, 0, 1, 2);
  device.reset('bus');
  expect(device.read(PORTS, 0, 4)).toBe(0);
});
