/** Binding and removal of a device, and events from the PCI core (vfio_pci_core.c: vfio_pci_core_register_device ...). */
import { PCI } from '../../sim/pci/registers.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { D0 } from '../kernel/pci/power.ts';
import { disableSriov, enableSriov } from '../kernel/pci/sriov.ts';
import { ERRNO } from '../uapi/errno.ts';
import { MIGRATION } from '../uapi/vfio.ts';
import type { VfioDevice } from '../vfio/device.ts';
import { VfioPciCoreDevice } from './core-device.ts';
import { assignDeviceSet, releaseDeviceSet } from './device-set.ts';
import type { VfioRegistry } from './registry.ts';
import { initialToken } from './vf-token.ts';

/** What vfio-pci's module parameters latch into a device. */
export interface InitOptions {
  readonly nointxmask?: boolean;
  readonly disableVga?: boolean;
  readonly disableIdleD3?: boolean;
}

/** ops.init. 0. */
export function vfio_pci_core_init_dev(core: VfioPciCoreDevice, options: InitOptions = {}): number {
  core.nointxmask = options.nointxmask ?? false;
  core.disableVga = options.disableVga ?? false;
  core.disableIdleD3 = options.disableIdleD3 ?? false;
  return 0;
}

/** Whether the driver's operations are complete; EINVAL if it promises what it does not implement. */
function checkOps(device: VfioDevice<unknown>): number {
  const { migOps, logOps, migrationFlags } = device;
  if (migOps !== undefined) {
    const all = has(migOps, ['migration_set_state', 'migration_get_state', 'migration_get_data_size']);
    if (!all || (migrationFlags & MIGRATION.STOP_COPY) === 0) return -ERRNO.EINVAL;
  }
  const logs = logOps === undefined || has(logOps, ['log_start', 'log_stop', 'log_read_and_clear']);
  return logs ? 0 : -ERRNO.EINVAL;
}

/** A driver written without types may leave callbacks out. */
function has<T>(ops: T, names: readonly (keyof T)[]): boolean {
  return names.every((name) => typeof ops[name] === 'function');
}

/** probe: 0, or a negated errno. The device's driver data must be `core`. */
export function vfio_pci_core_register_device(
  core: VfioPciCoreDevice,
  device: VfioDevice<unknown>,
  registry: VfioRegistry,
): number {
  const { pdev } = core;
  if (pdev.driverData !== core || device.ops.name === '') return -ERRNO.EINVAL;
  if ((pdev.readConfig(PCI.HEADER_TYPE, 1) & 0x7f) !== 0) return -ERRNO.EINVAL;
  const complete = checkOps(device);
  if (complete < 0) return complete;
  // Its VFs may be in use already, by users nobody could account for.
  if (pdev.numVfs > 0) return -ERRNO.EBUSY;
  // vfio_assign_device_set: a set, and its place among all of them; vfio_pci_vf_init: the token of a PF.
  const { allocation } = pdev.faults;
  if (allocation.fails() || allocation.fails()) return -ERRNO.ENOMEM;
  if (pdev.isSriovPf && allocation.fails()) return -ERRNO.ENOMEM;
  core.vdev = device;
  core.registry = registry;
  const set = assignDeviceSet(core);
  registry.assignDeviceSet?.(device, set);
  linkSriov(core);
  core.power.probe();
  core.power.setState(D0);
  if (!core.disableIdleD3) core.power.put();
  const result = registry.registerDevice(device, pdev.group);
  if (result < 0) release(core);
  return result;
}

/** vfio_pci_vf_init: a VF finds its PF if that made it; a PF gets a token. */
function linkSriov(core: VfioPciCoreDevice): void {
  const owner = core.pdev.physfn?.driverData;
  if (owner instanceof VfioPciCoreDevice && owner.sriovListed) core.sriovPfCoreDev = owner;
  if (core.pdev.isSriovPf) core.vfToken = initialToken(core);
}

function release(core: VfioPciCoreDevice): void {
  core.vfToken = undefined;
  core.sriovPfCoreDev = undefined;
  releaseDeviceSet(core);
  if (!core.disableIdleD3) core.power.get();
}

/** remove: VFs first, then this device, waiting for its users. */
export function* vfio_pci_core_unregister_device(core: VfioPciCoreDevice): Task<void> {
  yield* vfio_pci_core_sriov_configure(core, 0);
  yield* core.registry!.unregisterDevice(core.vdev!);
  release(core);
}

/** The user is asked to give the device back. */
export function vfio_pci_core_request(core: VfioPciCoreDevice, _count: number): void {
  core.tellRequest();
}

/** error_detected: the user is told, and the vote is "can recover". */
export function vfio_pci_core_aer_err_detected(pdev: PciDevice): void {
  const core = pdev.driverData;
  if (core instanceof VfioPciCoreDevice) core.tellError();
}

/** Creates or removes the PF's VFs: the number enabled, or a negated errno. */
export function* vfio_pci_core_sriov_configure(core: VfioPciCoreDevice, count: number): Task<number> {
  const { pdev } = core;
  if (count === 0) {
    if (pdev.numVfs > 0) {
      yield* disableSriov(pdev);
      core.power.put();
    }
    core.sriovListed = false;
    return 0;
  }
  if (core.sriovListed) return -ERRNO.EINVAL;
  core.sriovListed = true;
  core.power.get();
  // A PF must be awake before its VFs are; the user's PMCSR write must not come in between.
  yield* core.memoryLock.lock();
  core.power.setState(D0);
  const result = yield* enableSriov(pdev, count);
  core.memoryLock.unlock();
  if (result >= 0) return count;
  core.power.put();
  core.sriovListed = false;
  return result;
}
