/** What the library asks of the VFIO core: registration, and who owns what for a hot reset. */
import type { Mutex } from '../../sim/mutex.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import type { VfioDevice } from '../vfio/device.ts';

/** Where devices are registered: the VFIO core, as the library needs it. */
export interface VfioRegistry {
  /** vfio_register_group_dev: 0 or a negated errno. */
  registerDevice(device: VfioDevice<unknown>, group: IommuGroup | undefined): number;
  /** vfio_unregister_group_dev: hides the device and waits until the last reference is gone. */
  unregisterDevice(device: VfioDevice<unknown>): Task<void>;
  /** vfio_device_try_get_registration: false once the device is being removed. */
  get?(device: VfioDevice<unknown>): boolean;
  /** vfio_device_put_registration. */
  put?(device: VfioDevice<unknown>): void;
  /** vfio_assign_device_set: open and close of the members run under the set's lock. */
  assignDeviceSet?(device: VfioDevice<unknown>, set: { readonly lock: Mutex }): void;
  /** vfio_file_is_group: the group behind a VFIO group file; undefined for any other file. */
  groupOfFile?(file: OpenFile): IommuGroup | undefined;
  /** Whether the device was opened through its character device (vfio_device_cdev_opened). */
  cdevOpened?(device: VfioDevice<unknown>): boolean;
  /**
   * vfio_iommufd_get_dev_id: the id of `other` in the iommufd that `device` is bound to, 0 if only its group is owned
   * through that iommufd, -1 if it is not owned.
   */
  deviceId?(device: VfioDevice<unknown>, other: PciDevice): number;
}

/** Hot reset of what is behind a port: drivers/pci/pci.c pci_probe_reset_bus and pci_reset_bus. */
export interface BusReset {
  /** 0 if the bus can be reset, else a negated errno. */
  probe(device: PciDevice): number;
  /** Saves, resets and restores every device on the bus. 0 or a negated errno. */
  reset(device: PciDevice): Task<number>;
}
