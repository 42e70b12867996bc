/** The default operations of a driver on this library. */
import type { Task } from '../../sim/scheduler.ts';
import type { VfioDeviceOps } from '../vfio/device.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { vfio_pci_core_ioctl_feature } from './feature.ts';
import { vfio_pci_core_ioctl } from './ioctl.ts';
import { vfio_pci_core_close_device, vfio_pci_core_enable, vfio_pci_core_finish_enable } from './lifecycle.ts';
import { vfio_pci_core_mmap } from './mmap.ts';
import { vfio_pci_ioctl_get_region_info } from './region-info.ts';
import { vfio_pci_core_request } from './register.ts';
import { vfio_pci_core_read, vfio_pci_core_write } from './rw.ts';
import { vfio_pci_core_match, vfio_pci_core_match_token_uuid } from './vf-token.ts';

/** An open without anything of the driver's own. */
function* open(core: VfioPciCoreDevice): Task<number> {
  const result = yield* vfio_pci_core_enable(core);
  if (result < 0) return result;
  vfio_pci_core_finish_enable(core);
  return 0;
}

/** vfio_pci_core_pm_ops: the VFIO core keeps the device awake during an ioctl. */
export interface RuntimePowerOps<D> {
  pm_runtime_get(device: D): number;
  pm_runtime_put(device: D): void;
}

/**
 * Every callback the library has. `core` finds the library's device in the driver's. A driver spreads this, gives its
 * own name, and overrides.
 */
export function coreOps<D>(core: (device: D) => VfioPciCoreDevice): VfioDeviceOps<D> & RuntimePowerOps<D> {
  return {
    name: 'vfio-pci-core',
    pm_runtime_get: (device) => core(device).power.get(),
    pm_runtime_put: (device) => core(device).power.put(),
    open_device: (device) => open(core(device)),
    close_device: (device) => vfio_pci_core_close_device(core(device)),
    ioctl: (device, caller, command, argument) => vfio_pci_core_ioctl(core(device), caller, command, argument),
    device_feature: (device, caller, flags, argument, argsz) =>
      vfio_pci_core_ioctl_feature(core(device), caller, flags, argument, argsz),
    get_region_info_caps: (device, index, info) => vfio_pci_ioctl_get_region_info(core(device), index, info),
    read: (device, caller, address, length, position) =>
      vfio_pci_core_read(core(device), caller, address, length, position),
    write: (device, caller, address, length, position) =>
      vfio_pci_core_write(core(device), caller, address, length, position),
    mmap: (device, caller, request) => vfio_pci_core_mmap(core(device), caller, request),
    request: (device, count) => vfio_pci_core_request(core(device), count),
    match: (device, text) => vfio_pci_core_match(core(device), text),
    match_token_uuid: (device, token) => vfio_pci_core_match_token_uuid(core(device), token),
  };
}
