/** Intel 82576 gigabit Ethernet controller and its VFs, as the recorded machine shows them. Registers are inert. */
import type { FunctionDescription } from '../../pci/description.ts';

const AER = {
  kind: 'aer',
  at: 0x100,
  version: 1,
  size: 0x40,
  body: '0000000000004002302046000000000000c00000a0000000',
} as const;
/** Advertised without effect: the emulated functions keep most of device control at 0. */
const EXP = {
  kind: 'exp',
  at: 0xa0,
  body: '02002080001000000000110400000000110000000000000000000000000000000000000030000000',
} as const;

/** A VF: one 16 KiB register BAR, one 16 KiB MSI-X BAR, FLR. */
export const igbVf: FunctionDescription = {
  name: 'igb VF',
  vendor: 0x8086,
  device: 0x10ca,
  class: 0x020000,
  revision: 1,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  commandMask: 0x0507,
  unassigned: 'memory',
  bars: [
    { index: 0, kind: 'mem64', size: 0x4000, prefetch: true, address: 0xc0_a000_0000 },
    { index: 3, kind: 'mem64', size: 0x4000, prefetch: true, address: 0xc0_a002_0000 },
  ],
  capabilities: [
    {
      ...EXP,
      writable: [
        [0x08, 2, 0x8000],
        [0x10, 2, 0],
        [0x28, 2, 0x8000],
        [0x30, 2, 0],
      ],
    },
    { kind: 'msix', at: 0x70, body: '02000300000003200000' },
    AER,
    { kind: 'ari', at: 0x150 },
  ],
  liveRegisters: true,
};

/** The PF. */
export const igb: FunctionDescription = {
  name: 'igb PF',
  vendor: 0x8086,
  device: 0x10c9,
  class: 0x020000,
  revision: 1,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 1,
  interruptLine: 0x0a,
  commandMask: 0x0507,
  command: 0x0100,
  unassigned: 'memory',
  bars: [
    { index: 0, kind: 'mem32', size: 0x20000, address: 0xfe80_0000 },
    { index: 1, kind: 'mem32', size: 0x20000, address: 0xfe82_0000 },
    { index: 2, kind: 'io', size: 0x20, address: 0x5000 },
    { index: 3, kind: 'mem64', size: 0x4000, address: 0xfe84_0000 },
  ],
  capabilities: [
    // Besides the state and PME the data selector can be written.
    { kind: 'pm', at: 0x40, body: '22000000', writable: [[4, 2, 0x1f03]] },
    { kind: 'msi', at: 0x50, body: '8001' },
    { kind: 'msix', at: 0x70, body: '09000300000003200000' },
    {
      ...EXP,
      writable: [
        [0x08, 2, 0x8000],
        [0x10, 2, 0],
        [0x28, 2, 0x8000],
        [0x30, 2, 0],
      ],
    },
    AER,
    { kind: 'ari', at: 0x150 },
    { kind: 'sriov', at: 0x160, body: '0000000010000000' },
  ],
  sriov: { totalVfs: 8, offset: 0x80, stride: 2, vf: igbVf },
  liveRegisters: true,
};
