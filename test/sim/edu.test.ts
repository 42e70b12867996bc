import { describe, expect, test } from 'vitest';
import { EDU, EDU_DMA, edu } from '../../sim/devices/edu/model.ts';
import type { DeviceModel, DevicePorts } from '../../sim/pci/model.ts';

const BUFFER = 0x40000;
const { DMA_SOURCE, DMA_DESTINATION, DMA_COUNT, DMA_COMMAND } = EDU;

/** An edu with memory of 256 bytes at 0x1000, its interrupt line, and a clock that the test turns. */
function bench() {
  const memory = new Uint8Array(256).map((_, i) => i);
  const waiting: { delay: number; work: () => void }[] = [];
  const state = { line: false, messages: 0, mode: 'intx' as 'intx' | 'msi' };
  const ports = {
    dma: {
      read: (iova: number, into: Uint8Array) => into.set(memory.subarray(iova - 0x1000, iova - 0x1000 + into.length)),
      write: (iova: number, bytes: Uint8Array) => memory.set(bytes, iova - 0x1000),
    },
    interrupts: {
      message: () => state.messages++,
      level: (on: boolean) => {
        state.line = on;
      },
      get mode() {
        return state.mode;
      },
    },
    later: (delay: number, work: () => void) => waiting.push({ delay, work }),
  };
  const device = edu(ports as unknown as DevicePorts, undefined);
  const wait = (): number[] =>
    waiting.splice(0).map(({ delay, work }) => {
      work();
      return delay;
    });
  return { device, memory, state, wait };
}

function transfer(device: DeviceModel, from: number, to: number, count: number, command: number): void {
  device.write(0, DMA_SOURCE, 4, from);
  device.write(0, DMA_DESTINATION, 4, to);
  device.write(0, DMA_COUNT, 4, count);
  device.write(0, DMA_COMMAND, 4, command);
}

describe('registers', () => {
  test('identify the device, invert what is written to liveness, and compute factorials', () => {
    const { device, wait } = bench();
    expect(device.read(0, EDU.IDENTIFICATION, 4)).toBe(0x0100_00ed);
    device.write(0, EDU.LIVENESS, 4, 0x1234_5678);
    expect(device.read(0, EDU.LIVENESS, 4)).toBe(0xedcb_a987);
    device.write(0, EDU.FACTORIAL, 4, 10);
    expect(device.read(0, EDU.STATUS, 4)).toBe(1);
    wait();
    expect([device.read(0, EDU.STATUS, 4), device.read(0, EDU.FACTORIAL, 4)]).toEqual([0, 3_628_800]);
  });

  test('below 0x80 take four bytes only; from there on four or eight, and four replace all of a register', () => {
    const { device } = bench();
    expect([device.read(0, 0, 2), device.read8!(0, 0)]).toEqual([0, [0xffff_ffff, 0xffff_ffff]]);
    device.write8!(0, DMA_SOURCE, [1, 2]);
    expect(device.read8!(0, DMA_SOURCE)).toEqual([1, 2]);
    device.write(0, DMA_SOURCE, 4, 3);
    expect(device.read8!(0, DMA_SOURCE)).toEqual([3, 0]);
    device.write(0, DMA_SOURCE + 4, 4, 9);
    expect([device.read(0, DMA_SOURCE, 4), device.read(0, DMA_SOURCE + 4, 4)]).toEqual([3, 0xffff_ffff]);
  });

  test('raise and acknowledge bits of the interrupt status', () => {
    const { device, state } = bench();
    device.write(0, EDU.INTERRUPT_RAISE, 4, 0x30);
    device.write(0, EDU.INTERRUPT_ACKNOWLEDGE, 4, 0x10);
    expect([device.read(0, EDU.INTERRUPT_STATUS, 4), state.line]).toEqual([0x20, true]);
    device.write(0, EDU.INTERRUPT_ACKNOWLEDGE, 4, 0x20);
    expect(state.line).toBe(false);
    state.mode = 'msi';
    device.write(0, EDU.INTERRUPT_RAISE, 4, 1);
    expect([state.line, state.messages]).toEqual([false, 1]);
  });
});

describe('the DMA engine', () => {
  test('moves bytes in and out after 100 ms, through addresses of 28 bits', () => {
    const { device, memory, wait, state } = bench();
    transfer(device, 0x7000_1010, BUFFER, 16, EDU_DMA.RUN);
    expect(device.read(0, DMA_COMMAND, 4) & EDU_DMA.RUN).toBe(1);
    expect(wait()).toEqual([100_000_000]);
    transfer(device, BUFFER, 0x1080, 16, EDU_DMA.RUN | EDU_DMA.FROM_DEVICE | EDU_DMA.RAISE);
    wait();
    expect([...memory.subarray(0x80, 0x90)]).toEqual([...memory.subarray(0x10, 0x20)]);
    expect([state.line, device.read(0, EDU.INTERRUPT_STATUS, 4)]).toEqual([true, 0x100]);
  });

  test('lets nothing change while it runs, and ignores a command that starts nothing', () => {
    const { device, wait } = bench();
    transfer(device, 0x1000, BUFFER, 4, EDU_DMA.FROM_DEVICE);
    expect([device.read(0, DMA_COMMAND, 4), wait()]).toEqual([0, []]);
    transfer(device, 0x1000, BUFFER, 4, EDU_DMA.RUN);
    device.write(0, DMA_COUNT, 4, 8);
    expect(device.read(0, DMA_COUNT, 4)).toBe(4);
    wait();
    device.write(0, DMA_COUNT, 4, 8);
    expect(device.read(0, DMA_COUNT, 4)).toBe(8);
  });
});
