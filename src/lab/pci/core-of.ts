import type { Machine } from '../../machine/machine.ts';
import { VfioPciCoreDevice } from '../../pci-core/core-device.ts';

/** The library's part of a device; undefined while no driver of it has it. */
export function coreOf(machine: Machine, bdf: string): VfioPciCoreDevice | undefined {
  const core = machine.kernel.bus.devices.get(bdf)?.driverData;
  return core instanceof VfioPciCoreDevice ? core : undefined;
}
