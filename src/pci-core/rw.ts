/** read and write of the device fd (vfio_pci_core.c: vfio_pci_core_read, vfio_pci_core_write, vfio_pci_rw). */
import type { Task } from '../../sim/scheduler.ts';
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { PCI_REGION } from '../uapi/vfio.ts';
import { vfio_pci_bar_rw } from './bar-rw.ts';
import { configRead, configWrite } from './config/access.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { awake } from './power.ts';
import { offsetInRegion, offsetToIndex } from './region-offset.ts';
import { vfio_pci_vga_rw } from './vga.ts';

/** The region is decided here; what may not happen during a reset waits for its end. */
function rw(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
  iswrite: boolean,
): Result {
  const index = offsetToIndex(position, core.offsetShift);
  if (index >= PCI_REGION.NUM + core.regions.length) return -ERRNO.EINVAL;
  const at = offsetInRegion(position, core.offsetShift);
  if (!core.memoryLock.locked && !core.pdev.resetting && !core.power.engaged)
    return access(core, caller, address, count, index, at, iswrite);
  return afterReset(core, () => awake(core, () => access(core, caller, address, count, index, at, iswrite)));
}

function access(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  index: number,
  at: number,
  iswrite: boolean,
): Result {
  if (index === PCI_REGION.CONFIG)
    return iswrite ? configWrite(core, caller, address, count, at) : configRead(core, caller, address, count, at);
  if (index === PCI_REGION.ROM && iswrite) return -ERRNO.EINVAL;
  if (index <= PCI_REGION.ROM) return vfio_pci_bar_rw(core, caller, address, count, index, at, iswrite);
  if (index === PCI_REGION.VGA) return vfio_pci_vga_rw(core, caller, address, count, at, iswrite);
  const region = core.regions[index - PCI_REGION.NUM]!;
  return region.ops.rw(core, region, caller, address, count, at, iswrite);
}

/** Virtual nanoseconds between looks at a function whose configuration space is blocked. */
const POLL = 1_000_000;

/** Sleeps while a reset holds the memory lock, or blocks configuration space (pci_cfg_access_lock). */
export function* afterReset(core: VfioPciCoreDevice, call: () => Result): Task<number> {
  while (core.memoryLock.locked || core.pdev.resetting) {
    if (core.memoryLock.locked) {
      yield* core.memoryLock.lock();
      core.memoryLock.unlock();
    } else yield POLL;
  }
  const result = call();
  return typeof result === 'number' ? result : yield* result;
}

/** The bytes read, or a negated errno. Nothing is checked for an empty transfer. */
export function vfio_pci_core_read(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
): Result {
  return count === 0 ? 0 : rw(core, caller, address, count, position, false);
}

/** The bytes written, or a negated errno. */
export function vfio_pci_core_write(
  core: VfioPciCoreDevice,
  caller: Process,
  address: number,
  count: number,
  position: number,
): Result {
  return count === 0 ? 0 : rw(core, caller, address, count, position, true);
}
