/** Intel 82540EM gigabit Ethernet controller: conventional PCI without any capability. Registers are inert. */

import type { FunctionDescription } from '../../pci/description.ts';
import { OPTION_ROM } from '../option-rom.ts';

export const e1000: FunctionDescription = {
  name: 'e1000',
  vendor: 0x8086,
  device: 0x100e,
  class: 0x020000,
  revision: 3,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 1,
  interruptLine: 0x0b,
  commandMask: 0x0507,
  command: 0x0100,
  configSize: 256,
  unassigned: 'memory',
  rom: { size: 0x40000, image: OPTION_ROM },
  bars: [
    { index: 0, kind: 'mem32', size: 0x20000 },
    { index: 1, kind: 'io', size: 0x40 },
  ],
  liveRegisters: true,
};
