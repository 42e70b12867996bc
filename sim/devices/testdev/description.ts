/** pci-testdev: a conventional function without any capability. */
import type { FunctionDescription } from '../../pci/description.ts';

export const testdev: FunctionDescription = {
  name: 'pci-testdev',
  vendor: 0x1b36,
  device: 0x0005,
  class: 0x00ff00,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  commandMask: 0x0507,
  command: 0x0100,
  unassigned: 'memory',
  configSize: 256,
  bars: [
    { index: 0, kind: 'mem32', size: 0x1000, address: 0xfe00_0000 },
    { index: 1, kind: 'io', size: 0x100, address: 0x1000 },
  ],
  model: 'testdev',
};
