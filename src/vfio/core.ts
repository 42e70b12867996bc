/**
 * The VFIO core's registry (vfio_main.c, group.c): which devices, groups and IOMMU drivers there are, and their nodes
 * in /dev/vfio. Invariant: an unregistered device has no user left, and a group node exists while a device of it does.
 */
import { Mutex } from '../../sim/mutex.ts';
import { type Scheduler, type Task, WaitQueue } from '../../sim/scheduler.ts';
import type { Devfs } from '../kernel/devfs.ts';
import { FaultInjection } from '../kernel/fault-injection.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import { cdevName, openCdev } from './cdev.ts';
import { type ContainerLike, type IommuDriver, VfioContainer } from './container.ts';
import type { VfioDevice } from './device.ts';
import { type GroupKind, VfioGroup } from './group.ts';
import { groupOf } from './group-file.ts';
import { iommufdContainer } from './iommufd-group.ts';
import { noiommuDriver } from './noiommu.ts';
import { type Type1Parameters, type1Driver } from './type1/driver.ts';

/** Module parameters of vfio and of its type1 driver; read when they are used, as in /sys/module. */
export interface VfioParameters extends Type1Parameters {
  /** enable_unsafe_noiommu_mode. */
  readonly noiommu: boolean;
}

/** What the core lives on. */
export interface VfioHost {
  readonly devfs: Devfs;
  readonly scheduler: Scheduler;
  readonly parameters: VfioParameters;
  /** The kernel's; default: nothing ever fails. */
  readonly faults?: FaultInjection;
}

/**
 * Devices that are reset together (struct vfio_device_set). The lock is held during open_device and close_device of a
 * member, and by a reset of them all.
 */
export interface DeviceSet {
  readonly lock: Mutex;
}

/** Recognises a file that SET_CONTAINER takes. */
export type ContainerKind = (file: OpenFile) => ContainerLike | undefined;

/** How long an unregister waits before it asks the driver again: 10 s. */
const REQUEST_INTERVAL = 10_000_000_000;
/** Requests after which it waits without a timer, so that a user who never closes is a hang and not an endless run. */
const REQUEST_LIMIT = 64;
/** Numbers of fake groups start here, clear of those the machine gives its IOMMU groups. */
const FIRST_FAKE_GROUP = 0x1000;

/** The VFIO core of one machine. */
export class VfioCore {
  readonly scheduler: Scheduler;
  readonly parameters: VfioParameters;
  readonly faults: FaultInjection;
  /** IOMMU drivers a container may use, newest registration first. */
  readonly drivers: IommuDriver[];
  /** Files SET_CONTAINER recognises. */
  readonly containerKinds: ContainerKind[] = [
    (file) => (file instanceof VfioContainer ? file : undefined),
    iommufdContainer,
  ];
  /** Devices that debugfs shows, by name. */
  readonly views = new Map<string, VfioDevice>();
  private readonly devfs: Devfs;
  private readonly devices: (VfioDevice | undefined)[] = [];
  private readonly groups = new Map<IommuGroup, VfioGroup>();
  private readonly fakeGroups = new Set<number>();
  private readonly sets = new Map<VfioDevice, DeviceSet>();
  private readonly leaving = new Map<VfioDevice, WaitQueue>();

  constructor(host: VfioHost) {
    this.devfs = host.devfs;
    this.scheduler = host.scheduler;
    this.parameters = host.parameters;
    this.faults = host.faults ?? new FaultInjection();
    this.drivers = [type1Driver(host.parameters), noiommuDriver(host.parameters)];
    this.devfs.register('/dev/vfio/vfio', ({ faults }) =>
      faults.allocation.fails() ? -ERRNO.ENOMEM : new VfioContainer(this.drivers),
    );
  }

  /** What `file` is to SET_CONTAINER; undefined: EBADFD. */
  containerOf(file: OpenFile): ContainerLike | undefined {
    for (const kind of this.containerKinds) {
      const container = kind(file);
      if (container !== undefined) return container;
    }
    return undefined;
  }

  /** Registered devices that count an opener, or fewer than none. */
  openDevices(): VfioDevice[] {
    return this.devices.filter((device): device is VfioDevice => device !== undefined && device.openCount !== 0);
  }

  /** All registered devices, by number. */
  get registered(): VfioDevice[] {
    return this.devices.filter((device) => device !== undefined);
  }

  /** The registered device of that name. */
  deviceNamed(name: string): VfioDevice | undefined {
    return this.devices.find((device) => device?.name === name);
  }

  /** vfio_device_cdev_opened. */
  cdevOpened(device: VfioDevice): boolean {
    return device.cdevOpened;
  }

  /** vfio_iommufd_device_hot_reset_devid: how `other` is known in the iommufd of `device`; 0: by its group, -1: not. */
  deviceId(device: VfioDevice, other: PciDevice): number {
    const context = device.binding?.context;
    if (context === undefined) return -1;
    const binding = this.deviceNamed(other.name)?.binding;
    if (binding?.context === context) return binding.id;
    return other.group !== undefined && context.hasGroup(other.group) ? 0 : -1;
  }

  /** vfio_assign_device_set: before registration, by a driver whose devices share a reset. */
  assignDeviceSet(device: VfioDevice, set: DeviceSet): void {
    this.sets.set(device, set);
  }

  /** The set of a registered device; without another it is alone in its own. */
  deviceSet(device: VfioDevice): DeviceSet {
    return this.sets.get(device)!;
  }

  /** vfio_file_is_group: the IOMMU group behind a group file; undefined for other files and for fake groups. */
  groupOfFile(file: OpenFile): IommuGroup | undefined {
    return groupOf(file)?.iommuGroup;
  }

  /** vfio_register_group_dev, or vfio_register_emulated_iommu_dev; 0 or a negated errno. */
  registerDevice(device: VfioDevice, iommuGroup: IommuGroup | undefined, kind: 'iommu' | 'emulated' = 'iommu'): number {
    if (this.devices[device.index] === device) return -ERRNO.EINVAL;
    const group = this.allocateDevice(device) ? this.groupFor(iommuGroup, kind) : -ERRNO.ENOMEM;
    if (typeof group === 'number') {
      this.sets.delete(device);
      return group;
    }
    if (!this.sets.has(device)) this.sets.set(device, { lock: new Mutex('device set', this.scheduler) });
    device.index = this.lowestFreeIndex();
    this.devices[device.index] = device;
    device.group = group;
    device.dying = false;
    this.show(device);
    group.drivers++;
    group.devices.unshift(device);
    this.devfs.register(`/dev/vfio/devices/${cdevName(device)}`, (caller) => openCdev(this, device, caller));
    return 0;
  }

  /** vfio_unregister_group_dev: hides the device, asks for it back until nobody uses it, and forgets it. */
  *unregisterDevice(device: VfioDevice): Task<void> {
    const group = device.group!;
    group.devices.splice(group.devices.indexOf(device), 1);
    device.dying = true;
    // Before what it shows goes away (vfio_device_debugfs_exit).
    this.hide(device);
    this.devfs.unregister(`/dev/vfio/devices/${cdevName(device)}`);
    yield* this.waitForUsers(device);
    this.leaveGroup(group);
    this.sets.delete(device);
    this.devices[device.index] = undefined;
    device.index = -1;
  }

  /** vfio_device_debugfs_init. */
  show(device: VfioDevice): void {
    this.views.set(device.name, device);
  }

  /** vfio_device_debugfs_exit. */
  hide(device: VfioDevice): void {
    this.views.delete(device.name);
  }

  /** vfio_device_try_get_registration: false once the device is being removed. */
  get(device: VfioDevice): boolean {
    if (device.dying) return false;
    device.references++;
    return true;
  }

  /** vfio_device_put_registration. */
  put(device: VfioDevice): void {
    if (--device.references === 0) this.leaving.get(device)?.wake();
  }

  private *waitForUsers(device: VfioDevice): Task<void> {
    if (device.references === 0) return;
    const queue = new WaitQueue(`users of ${device.name}`);
    this.leaving.set(device, queue);
    for (let count = 0; device.references > 0; count++) {
      if (count < REQUEST_LIMIT) {
        device.ops.request?.(device.data, count);
        if (device.references === 0) break;
        this.scheduler.after(REQUEST_INTERVAL, 'vfio device request', () => queue.wake());
      }
      yield queue;
    }
    this.leaving.delete(device);
  }

  /** vfio_alloc_device: the device and its number; and a device set of its own, unless its driver gave it one. */
  private allocateDevice(device: VfioDevice): boolean {
    const { allocation } = this.faults;
    return !(allocation.fails() || allocation.fails() || (!this.sets.has(device) && allocation.fails()));
  }

  /** group.c:vfio_device_set_group: finds or makes the group. */
  private groupFor(iommuGroup: IommuGroup | undefined, kind: 'iommu' | 'emulated'): VfioGroup | number {
    const known = iommuGroup !== undefined && this.groups.has(iommuGroup);
    if (!known && kind === 'iommu' && iommuGroup === undefined && !this.parameters.noiommu) return -ERRNO.EINVAL;
    // vfio_group_alloc: the group and its minor; and for a fake one the IOMMU group.
    const { allocation } = this.faults;
    if (!known && (allocation.fails() || allocation.fails())) return -ERRNO.ENOMEM;
    if (!known && iommuGroup === undefined && allocation.fails()) return -ERRNO.ENOMEM;
    if (kind === 'emulated') return this.createGroup(this.fakeGroupId(), 'emulated', undefined);
    if (iommuGroup !== undefined)
      return this.groups.get(iommuGroup) ?? this.createGroup(iommuGroup.id, 'iommu', iommuGroup);
    return this.createGroup(this.fakeGroupId(), 'noiommu', undefined);
  }

  private createGroup(id: number, kind: GroupKind, iommuGroup: IommuGroup | undefined): VfioGroup {
    const group = new VfioGroup(this, id, kind, iommuGroup);
    if (iommuGroup !== undefined) this.groups.set(iommuGroup, group);
    this.devfs.register(group.path, (caller) => group.open(caller));
    return group;
  }

  private leaveGroup(group: VfioGroup): void {
    if (--group.drivers > 0) return;
    this.devfs.unregister(group.path);
    if (group.iommuGroup !== undefined) this.groups.delete(group.iommuGroup);
    else this.fakeGroups.delete(group.id);
    group.die();
  }

  private fakeGroupId(): number {
    let id = FIRST_FAKE_GROUP;
    while (this.fakeGroups.has(id)) id++;
    this.fakeGroups.add(id);
    return id;
  }

  private lowestFreeIndex(): number {
    const free = this.devices.indexOf(undefined);
    return free < 0 ? this.devices.length : free;
  }
}
