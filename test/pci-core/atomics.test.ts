import { describe, expect, it } from 'vitest';
import type { BridgeDescription } from '../../sim/pci/description.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { Bench, type Opened } from './bench.ts';
import { alone, nic } from './machines.ts';

const DEVCTL2 = 0x60 + 0x28;

/** A function that completes 32 and 64 bits itself, behind a port; its PCI Express body up to DEVCAP2. */
function machineOf(atomics: BridgeDescription['atomics']): Bench {
  const body = Buffer.alloc(0x26);
  body.writeUInt16LE(2, 0);
  body.writeUInt32LE(0x1000_8000, 2);
  body.writeUInt32LE(0x180, 0x22);
  const capabilities = nic.capabilities!.map((c) => (c.kind === 'exp' ? { ...c, body: body.toString('hex') } : c));
  return new Bench(alone({ ...nic, capabilities }, atomics === undefined ? {} : { atomics }));
}

function info(device: Opened, argsz: number): number[] {
  expect(device.ioctl(VFIO.DEVICE_GET_INFO, [argsz, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toBe(0);
  return device.words(10);
}

describe('AtomicOps in GET_INFO', () => {
  // covers: IO03
  it('are the sizes that the function and its root port both complete', () => {
    const device = machineOf({ completes: 0x300 }).open('0000:01:00.0');
    expect(info(device, 40)).toEqual([40, 0x83, 9, 5, 24, 0, (1 << 16) | 5, 0, 2, 0]);
    // Having been told of them the function may send them.
    expect(device.raw(DEVCTL2, 2) & 0x40).toBe(0x40);
  });

  it('are announced by argsz where there is no room for them', () => {
    const device = machineOf({ completes: 0x380 }).open('0000:01:00.0');
    expect(info(device, 24).slice(0, 6)).toEqual([40, 0x83, 9, 5, 0, 0]);
    expect(info(device, 40).slice(8, 9)).toEqual([3]);
  });

  // covers: IO03
  it('of a VF are those of its PF', () => {
    const bench = machineOf({ completes: 0x80 });
    const device = bench.open(bench.vf());
    expect(info(device, 40).slice(6, 9)).toEqual([(1 << 16) | 5, 0, 1]);
    expect(device.raw(0xa0 + 0x28, 2)).toBe(0);
  });

  it('are not mentioned where the root completes none', () => {
    const device = machineOf(undefined).open('0000:01:00.0');
    expect(info(device, 40).slice(0, 6)).toEqual([40, 3, 9, 5, 0, 0]);
    expect(device.raw(DEVCTL2, 2)).toBe(0);
  });
});
