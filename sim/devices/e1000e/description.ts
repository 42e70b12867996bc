/** Intel 82574L gigabit Ethernet controller, as the recorded machine shows it. Registers are inert. */
import type { FunctionDescription } from '../../pci/description.ts';
import { OPTION_ROM } from '../option-rom.ts';

/** One function; `place` is where firmware put its memory, I/O and ROM. */
export const e1000e = (place: { mem: number; io: number; rom: number; line: number }): FunctionDescription => ({
  name: 'e1000e',
  vendor: 0x8086,
  device: 0x10d3,
  class: 0x020000,
  subsystemVendor: 0x8086,
  interruptPin: 1,
  interruptLine: place.line,
  commandMask: 0x0507,
  command: 0x0100,
  unassigned: 'memory',
  bars: [
    { index: 0, kind: 'mem32', size: 0x20000, address: place.mem },
    { index: 1, kind: 'mem32', size: 0x20000, address: place.mem + 0x20000 },
    { index: 2, kind: 'io', size: 0x20, address: place.io },
    { index: 3, kind: 'mem32', size: 0x4000, address: place.mem + 0x40000 },
  ],
  rom: { size: 0x40000, image: OPTION_ROM, address: place.rom },
  capabilities: [
    // Besides the state and PME the data selector can be written.
    { kind: 'pm', at: 0xc8, body: '220000000000', writable: [[4, 2, 0x1f03]] },
    { kind: 'msi', at: 0xd0, body: '8000' },
    {
      kind: 'exp',
      at: 0xe0,
      body: '010020800000000000001104000000001100',
      writable: [
        [0x08, 2, 0],
        [0x10, 2, 0],
      ],
    },
    { kind: 'msix', at: 0xa0, body: '04000300000003200000' },
    {
      kind: 'aer',
      at: 0x100,
      version: 2,
      size: 0x40,
      body: '0000000000004002302046000000000000c00000a0000000',
    },
    { kind: 'dsn', at: 0x140, body: '020000ffff005452' },
  ],
  liveRegisters: true,
});
