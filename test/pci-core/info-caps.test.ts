/** The capability of GET_INFO, on a host whose root port completes atomic operations. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import * as atomics from '../../src/pci-core/atomics.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, E } from './bench.ts';

vi.mock('../../src/pci-core/atomics.ts', () => ({ atomicCompletion: vi.fn(() => 3) }));

const [RESET, PCI, CAPS] = [1, 2, 0x80];
const ATOMIC_COMP = 5;

describe('GET_INFO of a device with a capability', () => {
  beforeEach(() => void vi.mocked(atomics.atomicCompletion).mockReturnValue(3));

  // covers: IO02
  it.each([16, 24, 39])('is no error with argsz %i, and tells the size it takes', (argsz) => {
    const device = new Bench().open('0000:01:00.0');
    const sent = [argsz, 0xff, 0xff, 0xff, ...Array(6).fill(0x11)];
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, sent)).toBe(0);
    const rest = argsz < 24 ? [0x11, 0x11] : [0, 0];
    expect(device.words(10)).toEqual([40, PCI | RESET | CAPS, 9, 5, ...rest, ...Array(4).fill(0x11)]);
  });

  // covers: IO02
  it.each([40, 64])('has it behind the struct with argsz %i', (argsz) => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, [argsz, 0, 0, 0, 0, 0, ...Array(6).fill(0x11)])).toBe(0);
    const capability = [(1 << 16) | ATOMIC_COMP, 0, 3, 0];
    expect(device.words(12)).toEqual([argsz, PCI | RESET | CAPS, 9, 5, 24, 0, ...capability, 0x11, 0x11]);
  });

  // covers: IO02
  it('is EFAULT where the chain cannot be written, and leaves the struct as it was', () => {
    const { bench, fd } = new Bench().open('0000:01:00.0');
    const at = bench.user.memory.allocate(0x1000) + 0x1000 - 24;
    bench.user.memory.write(at, Uint8Array.of(40));
    expect(bench.user.ioctl(fd, VFIO.DEVICE_GET_INFO, at)).toBe(E.EFAULT);
    expect([...bench.user.memory.read(at, 24)!]).toEqual([40, ...Array(23).fill(0)]);
  });

  // covers: IO02
  it('is without one where there are no atomic operations', () => {
    vi.mocked(atomics.atomicCompletion).mockReturnValue(0);
    const device = new Bench().open('0000:01:00.0');
    expect(device.ioctl(VFIO.DEVICE_GET_INFO, [16, 0, 0, 0])).toBe(0);
    expect(device.words(4)).toEqual([16, PCI | RESET, 9, 5]);
  });
});
