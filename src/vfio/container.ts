/**
 * The container, /dev/vfio/vfio: groups that share one IOMMU driver (container.c). A container has no privilege of its
 * own: groups bring it, and when the last one leaves, the driver and every mapping go with it.
 */
import type { OpenFile, Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { VFIO } from '../uapi/vfio.ts';
import type { VfioDevice } from './device.ts';
import type { VfioGroup } from './group.ts';
import type { DeviceIommu } from './open.ts';
import type { ExternalAccess } from './type1/external.ts';

/** What a group can be given with SET_CONTAINER: a container here, an iommufd elsewhere. */
export interface ContainerLike extends DeviceIommu {
  /** SET_CONTAINER, under the group's lock; 0 or a negated errno. */
  attach(group: VfioGroup, caller: Process): number;
  /** The group leaves: UNSET_CONTAINER, its release, or its last device going. */
  detach(group: VfioGroup): void;
  /** UNSET_CONTAINER answers EBUSY (open devices hold a container; they do not hold an iommufd). */
  busy(group: VfioGroup): boolean;
}

/** An IOMMU driver a container can use (struct vfio_iommu_driver_ops). */
export interface IommuDriver {
  readonly name: string;
  /** Serves groups without an IOMMU, and no others. */
  readonly noiommu: boolean;
  /** CHECK_EXTENSION while no container uses the driver: positive means yes. */
  extension(extension: number): number;
  /** SET_IOMMU: what serves one container, or a negated errno. */
  open(type: number, caller: Process): IommuBackend | number;
}

/** An IOMMU driver at work for one container. */
export interface IommuBackend {
  extension(extension: number): number;
  attachGroup(group: VfioGroup): number;
  detachGroup(group: VfioGroup): void;
  /** An open device of the container, for drivers that tell devices about unmaps. */
  registerDevice(device: VfioDevice): void;
  unregisterDevice(device: VfioDevice): void;
  ioctl(caller: Process, command: number, argument: number): Result;
  release(): void;
  /** Pages for emulated devices, where the driver has a way to them. */
  readonly external?: ExternalAccess;
}

type ContainerCall = (container: VfioContainer, caller: Process, argument: number) => Result;
/** VFIO_API_VERSION. */
const API_VERSION = 0;
/** The ioctls of a container fd; every other number belongs to the IOMMU driver (VFIO_IOMMU_*). */
const IOCTLS = new Map<number, ContainerCall>([
  [VFIO.GET_API_VERSION, () => API_VERSION],
  [VFIO.CHECK_EXTENSION, (container, _caller, extension) => container.checkExtension(extension)],
  [VFIO.SET_IOMMU, (container, caller, type) => container.setIommu(type, caller)],
]);

export class VfioContainer implements OpenFile, ContainerLike {
  readonly name = '/dev/vfio/vfio';
  /** Most recently attached first (container.c adds at the head). */
  readonly groups: VfioGroup[] = [];
  backend: IommuBackend | undefined;
  private readonly drivers: readonly IommuDriver[];
  private noiommu = false;

  /** `drivers`: newest registration first. */
  constructor(drivers: readonly IommuDriver[]) {
    this.drivers = drivers;
  }

  ioctl(caller: Process, command: number, argument: number): Result {
    const call = IOCTLS.get(command);
    if (call !== undefined) return call(this, caller, argument);
    return this.backend === undefined ? -ERRNO.EINVAL : this.backend.ioctl(caller, command, argument);
  }

  /** container.c:vfio_container_ioctl_check_extension: the first positive answer, else the last one. */
  checkExtension(extension: number): number {
    if (this.backend !== undefined) return this.backend.extension(extension);
    let answer = 0;
    for (const driver of this.drivers) {
      if (this.groups.length > 0 && !this.allowed(driver)) continue;
      answer = driver.extension(extension);
      if (answer > 0) break;
    }
    return answer;
  }

  /** container.c:vfio_ioctl_set_iommu: the first driver that supports `type`, opens and takes every group. */
  setIommu(type: number, caller: Process): number {
    if (this.groups.length === 0 || this.backend !== undefined) return -ERRNO.EINVAL;
    let error: number = -ERRNO.ENODEV;
    for (const driver of this.drivers) {
      if (!this.allowed(driver) || driver.extension(type) <= 0) continue;
      const backend = driver.open(type, caller);
      error = typeof backend === 'number' ? backend : this.attachAll(backend);
      if (error === 0) return 0;
    }
    return error;
  }

  /** container.c:vfio_container_attach_group. */
  attach(group: VfioGroup, caller: Process): number {
    const noiommu = group.kind === 'noiommu';
    if (noiommu && !caller.capabilities.has('CAP_SYS_RAWIO')) return -ERRNO.EPERM;
    if (this.groups.length > 0 && this.noiommu !== noiommu) return -ERRNO.EPERM;
    let error = group.kind === 'iommu' ? group.iommuGroup!.claim(group) : 0;
    if (error !== 0) return error;
    error = this.backend?.attachGroup(group) ?? 0;
    if (error !== 0) {
      if (group.kind === 'iommu') group.iommuGroup!.release();
      return error;
    }
    this.noiommu = noiommu;
    group.containerUsers = 1;
    this.groups.unshift(group);
    return 0;
  }

  /** container.c:vfio_group_detach_container. */
  detach(group: VfioGroup): void {
    this.backend?.detachGroup(group);
    if (group.kind === 'iommu') group.iommuGroup!.release();
    group.containerUsers = 0;
    this.groups.splice(this.groups.indexOf(group), 1);
    if (this.groups.length > 0) return;
    this.backend?.release();
    this.backend = undefined;
  }

  /** More than the attachment itself uses the group. */
  busy(group: VfioGroup): boolean {
    return group.containerUsers !== 1;
  }

  /** container.c:vfio_group_use_container: an open device keeps the group's file open, and so the group attached. */
  use(device: VfioDevice, caller: Process): number {
    const group = device.group!;
    if (this.backend === undefined) return -ERRNO.EINVAL;
    if (group.kind === 'noiommu' && !caller.capabilities.has('CAP_SYS_RAWIO')) return -ERRNO.EPERM;
    group.hold();
    group.containerUsers++;
    this.backend.registerDevice(device);
    return 0;
  }

  unuse(device: VfioDevice): void {
    const group = device.group!;
    this.backend?.unregisterDevice(device);
    group.containerUsers--;
    group.drop();
  }

  /** container.c:vfio_iommu_driver_allowed. */
  private allowed(driver: IommuDriver): boolean {
    return driver.noiommu === this.noiommu;
  }

  private attachAll(backend: IommuBackend): number {
    for (const [index, group] of this.groups.entries()) {
      const error = backend.attachGroup(group);
      if (error === 0) continue;
      for (const attached of this.groups.slice(0, index).reverse()) backend.detachGroup(attached);
      backend.release();
      return error;
    }
    this.backend = backend;
    return 0;
  }
}
