/** A transitional virtio entropy device: an I/O BAR, and its modern registers behind vendor capabilities. */
import type { FunctionDescription } from '../../pci/description.ts';

export const virtioRng: FunctionDescription = {
  name: 'virtio-rng',
  vendor: 0x1af4,
  device: 0x1005,
  class: 0x00ff00,
  subsystemVendor: 0x1af4,
  subsystem: 0x0004,
  interruptPin: 1,
  interruptLine: 0x0a,
  commandMask: 0x0507,
  command: 0x0100,
  unassigned: 'memory',
  configSize: 256,
  bars: [
    { index: 0, kind: 'io', size: 0x20, address: 0x6060 },
    { index: 1, kind: 'mem32', size: 0x1000, address: 0xfeb0_6000 },
    { index: 4, kind: 'mem64', size: 0x4000, prefetch: true, address: 0xc0_c000_4000 },
  ],
  capabilities: [
    { kind: 'msix', at: 0x98, body: '01000100000001080000' },
    {
      kind: 'vndr',
      at: 0x84,
      body: '140500000000000000000000000000000000',
      // A window to the registers through configuration space: BAR, offset, length and data (virtio 1.2, 4.1.4.9).
      writable: [
        [4, 1, 0xff],
        [8, 4, 0xffff_ffff],
        [12, 4, 0xffff_ffff],
        [16, 4, 0xffff_ffff],
      ],
    },
    { kind: 'vndr', at: 0x70, body: '140204000000003000000010000004000000' },
    { kind: 'vndr', at: 0x60, body: '1004040000000020000000100000' },
    { kind: 'vndr', at: 0x50, body: '1003040000000010000000100000' },
    { kind: 'vndr', at: 0x40, body: '1001040000000000000000100000' },
  ],
  model: 'virtio-rng',
};
