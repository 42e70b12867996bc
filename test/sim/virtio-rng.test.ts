import { describe, expect, test } from 'vitest';
import { COMMON, LEGACY, virtioRng } from '../../sim/devices/virtio-rng/model.ts';
import type { DeviceModel, DevicePorts } from '../../sim/pci/model.ts';

const PORTS = 0;
const MODERN = 4;
const model = (): DeviceModel => virtioRng({} as DevicePorts, undefined);

describe('legacy registers', () => {
  test('after a reset: features, one queue of 8, status 0; all ones between registers and behind them', () => {
    const device = model();
    expect([0, 4, 8, 0xc, 0x10, 0x14].map((at) => device.read(PORTS, at, 4))).toEqual([
      0x7900_0000, 0, 0, 8, 0xffff_ffff, 0xffff_ffff,
    ]);
    expect([1, 2, 0xd, LEGACY.STATUS, LEGACY.ISR].map((at) => device.read(PORTS, at, 1))).toEqual([
      0xff, 0xff, 0xff, 0, 0,
    ]);
  });

  test('a second queue has no size, and cannot be set up', () => {
    const device = model();
    device.write(PORTS, LEGACY.QUEUE_SEL, 2, 1);
    device.write(PORTS, LEGACY.QUEUE_PFN, 4, 0x1234);
    expect([device.read(PORTS, LEGACY.QUEUE_NUM, 2), device.read(PORTS, LEGACY.QUEUE_PFN, 4)]).toEqual([0, 0]);
  });

  test('take only features that are offered, and forget all with status 0', () => {
    const device = model();
    device.write(PORTS, LEGACY.GUEST_FEATURES, 4, 0xffff_ffff);
    device.write(PORTS, LEGACY.QUEUE_PFN, 4, 0x1234);
    device.write(PORTS, LEGACY.STATUS, 1, 7);
    const state = (): number[] => [4, 8, 0x12].map((at) => device.read(PORTS, at, at === 0x12 ? 1 : 4));
    expect(state()).toEqual([0x7900_0000, 0x1234, 7]);
    device.write(PORTS, LEGACY.STATUS, 1, 0);
    expect(state()).toEqual([0, 0, 0]);
  });
});

describe('modern registers', () => {
  test('offer 64 bits of features by halves, without the legacy ones', () => {
    const device = model();
    const features = [0, 1, 2].map((half) => {
      device.write(MODERN, COMMON.DFSELECT, 4, half);
      return device.read(MODERN, COMMON.DF, 4);
    });
    expect(features).toEqual([0x3000_0000, 0x0101, 0]);
  });

  test('share status and queue with the legacy ones; what is no register reads 0', () => {
    const device = model();
    device.write(MODERN, COMMON.STATUS, 1, 3);
    expect(device.read(PORTS, LEGACY.STATUS, 1)).toBe(3);
    const { MSIX, NUMQ, Q_SIZE, Q_MSIX } = COMMON;
    expect([MSIX, NUMQ, Q_SIZE, Q_MSIX, 1, 0x40].map((at) => device.read(MODERN, at, 2))).toEqual([
      0xffff, 1, 8, 0xffff, 0, 0,
    ]);
    expect(device.read(MODERN, 0x1000, 1)).toBe(0);
  });
});
