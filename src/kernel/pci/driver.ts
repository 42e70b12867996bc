/** What a PCI driver is to the kernel (struct pci_driver, struct pci_error_handlers). */
import type { Task } from '../../../sim/scheduler.ts';
import type { Result } from '../file.ts';
import type { PciDevice } from './device.ts';

/** A row of an id table (struct pci_device_id). What is left out matches anything. */
export interface PciId {
  readonly vendor: number;
  readonly device: number;
  readonly subvendor?: number;
  readonly subdevice?: number;
  /** Class, subclass and programming interface, of which the bits of `classMask` are compared. */
  readonly class?: number;
  readonly classMask?: number;
}

/** Matches any vendor or device. */
export const ANY_ID = 0xffff_ffff;

/** A driver of one machine. Results are 0 or a count, or a negated errno. */
export interface PciDriver {
  /** Name in /sys/bus/pci/drivers. */
  readonly name: string;
  readonly ids: readonly PciId[];
  /** The table matches through driver_override only (PCI_DRIVER_OVERRIDE_DEVICE_VFIO). */
  readonly overrideOnly?: boolean;
  /** driver_managed_dma: binding does not claim the group's DMA. */
  readonly managesDma?: boolean;
  /** 0, or a negated errno. */
  probe(device: PciDevice): Result;
  /** May sleep until the last user is gone. */
  remove(device: PciDevice): void | Task<void>;
  /** Creates or removes VFs: the number now enabled, or a negated errno. Absent: ENOENT for the administrator. */
  sriovConfigure?(device: PciDevice, numVfs: number): Result;
  /** A VF of this driver's device was added and is about to be probed (the driver's bus notifier). */
  readonly virtualAdded?: (device: PciDevice, vf: PciDevice) => void;
  /** Around every reset of the device, whoever asked for it. */
  readonly resetPrepare?: (device: PciDevice) => void;
  readonly resetDone?: (device: PciDevice) => void | Task<void>;
  /** AER reported an error (error_detected). */
  readonly errorDetected?: (device: PciDevice) => void;
}
