/**
 * A VFIO group (group.c): one opener at a time, one container, and the way to its devices.
 * Invariant: the group's file counts as open until its descriptor and every device opened through a container are gone.
 */

import { Mutex } from '../../sim/mutex.ts';
import { deref } from '../../sim/oops.ts';
import type { Task } from '../../sim/scheduler.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { GROUP_FLAGS } from '../uapi/vfio.ts';
import type { ContainerLike } from './container.ts';
import type { VfioCore } from './core.ts';
import type { VfioDevice } from './device.ts';
import { VfioDeviceFile } from './device-file.ts';
import { VfioGroupFile } from './group-file.ts';
import { closeDevice, openDevice } from './open.ts';

/** Translated by an IOMMU; emulated (no DMA of its own); or a real device without any IOMMU. */
export type GroupKind = 'iommu' | 'emulated' | 'noiommu';

/** One group: its file is open at most once, and it is in one container at most. */
export class VfioGroup {
  readonly id: number;
  readonly kind: GroupKind;
  /** The real IOMMU group; fake groups have none. */
  readonly iommuGroup: IommuGroup | undefined;
  /** Devices that look-ups find, most recently registered first. */
  readonly devices: VfioDevice[] = [];
  /** Registered devices, those being removed included; at 0 the group is dead. */
  drivers = 0;
  container: ContainerLike | undefined;
  /** Users of the container: 1 for the attachment, and 1 for every open device. */
  containerUsers = 0;
  /** Devices of the group bound through their cdev: they exclude the group's file. */
  cdevOpens = 0;
  /** struct vfio_group.group_lock. */
  readonly lock: Mutex;
  private readonly core: VfioCore;
  /** Whose IOMMU an open device uses: UNSET_CONTAINER may have taken the group's own away (iommufd). */
  private opened = false;
  private holders = 0;

  constructor(core: VfioCore, id: number, kind: GroupKind, iommuGroup: IommuGroup | undefined) {
    this.core = core;
    this.id = id;
    this.kind = kind;
    this.iommuGroup = iommuGroup;
    this.lock = new Mutex('group_lock', core.scheduler);
  }

  get path(): string {
    return `/dev/vfio/${this.kind === 'noiommu' ? 'noiommu-' : ''}${this.id}`;
  }

  /** Is the group's file open, by a descriptor or through open devices? */
  get isOpen(): boolean {
    return this.opened;
  }

  /** group.c:vfio_group_fops_open. */
  open(caller: Process): OpenFile | number {
    if (this.drivers === 0) return -ERRNO.ENODEV;
    if (this.kind === 'noiommu' && !caller.capabilities.has('CAP_SYS_RAWIO')) return -ERRNO.EPERM;
    if (this.cdevOpens > 0 || this.opened) return -ERRNO.EBUSY;
    this.opened = true;
    this.holders = 1;
    return new VfioGroupFile(this);
  }

  /** How many hold the open file: its descriptors, open devices, calls under way. */
  get holderCount(): number {
    return this.holders;
  }

  /** One more holder of the open file. */
  hold(): void {
    this.holders++;
  }

  /** A holder goes; with the last one the file is released (group.c:vfio_group_fops_release). */
  drop(): void {
    if (--this.holders > 0) return;
    this.leaveContainer();
    this.opened = false;
  }

  /** group.c:vfio_device_block_group: a cdev of the group is about to be bound. */
  block(): number {
    if (this.opened) return -ERRNO.EBUSY;
    this.cdevOpens++;
    return 0;
  }

  unblock(): void {
    this.cdevOpens--;
  }

  /** The last device went (group.c:vfio_device_remove_group): a file still open is left with a dead group. */
  die(): void {
    this.leaveContainer();
  }

  status(): number {
    if (this.drivers === 0) return -ERRNO.ENODEV;
    if (this.container !== undefined) return GROUP_FLAGS.VIABLE | GROUP_FLAGS.CONTAINER_SET;
    return (this.iommuGroup?.ownerCount ?? 0) === 0 ? GROUP_FLAGS.VIABLE : 0;
  }

  /** group.c:vfio_group_ioctl_set_container, after the descriptor was found open. */
  setContainer(file: OpenFile, caller: Process): number {
    if (this.container !== undefined) return -ERRNO.EINVAL;
    if (this.drivers === 0) return -ERRNO.ENODEV;
    const container = this.core.containerOf(file);
    if (container === undefined) return -ERRNO.EBADFD;
    const error = container.attach(this, caller);
    if (error === 0) this.container = container;
    return error;
  }

  unsetContainer(): number {
    if (this.container === undefined) return -ERRNO.EINVAL;
    if (this.container.busy(this)) return -ERRNO.EBUSY;
    this.leaveContainer();
    return 0;
  }

  /** group.c:vfio_device_get_from_name: the device, with a reference taken, or a negated errno. */
  find(name: string): VfioDevice | number {
    for (const device of this.devices) {
      const match = device.ops.match?.(device.data, name) ?? (device.name === name ? 1 : 0);
      if (match < 0) return match;
      if (match > 0 && this.core.get(device)) return device;
    }
    return -ERRNO.ENODEV;
  }

  /** group.c:vfio_df_group_open. */
  *openDevice(device: VfioDevice, caller: Process): Task<number> {
    yield* this.lock.lock();
    const error = this.container === undefined ? -ERRNO.EINVAL : yield* this.openWith(this.container, device, caller);
    this.lock.unlock();
    return error;
  }

  /** group.c:vfio_df_group_close, and the reference that {@link find} took. */
  *closeDevice(device: VfioDevice): Task<void> {
    const set = this.core.deviceSet(device);
    yield* this.lock.lock();
    yield* set.lock.lock();
    yield* closeDevice(device, deref(device.openedWith, 'device->group->container'));
    if (device.openCount === 0) device.openedWith = undefined;
    set.lock.unlock();
    this.lock.unlock();
    this.core.put(device);
  }

  /** group.c:vfio_group_ioctl_get_device_fd: a new descriptor for the device called `name`. */
  *getDeviceFd(name: string, caller: Process): Task<number> {
    const device = this.find(name);
    if (typeof device === 'number') return device;
    // The number is reserved before the device is opened: a full table must not reset a device.
    const fd = caller.files.reserve();
    if (fd < 0) {
      this.core.put(device);
      return fd;
    }
    const { allocation } = caller.faults;
    // vfio_allocate_device_file
    const error = allocation.fails() ? -ERRNO.ENOMEM : yield* this.openDevice(device, caller);
    if (error !== 0) {
      caller.files.giveBack(fd);
      this.core.put(device);
      return error;
    }
    // anon_inode_getfile
    if (allocation.fails()) {
      yield* this.closeDevice(device);
      caller.files.giveBack(fd);
      return -ERRNO.ENOMEM;
    }
    return caller.files.installAt(
      fd,
      new VfioDeviceFile(device, { granted: true, release: () => this.closeDevice(device) }),
    );
  }

  private *openWith(container: ContainerLike, device: VfioDevice, caller: Process): Task<number> {
    const set = this.core.deviceSet(device);
    yield* set.lock.lock();
    const error = yield* openDevice(device, container, 'group', caller);
    if (error === 0) device.openedWith ??= container;
    set.lock.unlock();
    return error;
  }

  private leaveContainer(): void {
    this.container?.detach(this);
    this.container = undefined;
  }
}
