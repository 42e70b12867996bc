/**
 * The character device of a VFIO device, /dev/vfio/devices/vfioN (device_cdev.c): it is opened by anybody and can do
 * nothing until it is bound to an iommufd, which one of its descriptors can at a time.
 */

import type { Task } from '../../sim/scheduler.ts';
import { IommufdFile } from '../iommufd/file.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { ATTACH_FLAG, device_attach_iommufd_pt, device_bind_iommufd, device_detach_iommufd_pt } from '../uapi/vfio.ts';
import { bindDevice } from './binding.ts';
import type { VfioCore } from './core.ts';
import type { VfioDevice } from './device.ts';
import { type BindRequest, type CdevIoctls, VfioDeviceFile } from './device-file.ts';
import { closeDevice, type DeviceIommu, openDevice } from './open.ts';

const TOKEN_SIZE = 16;

/** The name in /dev/vfio/devices and in the device's vfio-dev directory. */
export function cdevName(device: VfioDevice): string {
  return `${device.group?.kind === 'noiommu' ? 'noiommu-' : ''}vfio${device.index}`;
}

/** vfio_device_fops_cdev_open: a descriptor that waits for BIND, or ENODEV, EPERM. */
export function openCdev(core: VfioCore, device: VfioDevice, caller: Process): OpenFile | number {
  if (device.group?.kind === 'noiommu' && !caller.capabilities.has('CAP_SYS_RAWIO')) return -ERRNO.EPERM;
  if (!core.get(device)) return -ERRNO.ENODEV;
  // vfio_allocate_device_file
  if (caller.faults.allocation.fails()) {
    core.put(device);
    return -ERRNO.ENOMEM;
  }
  return new Cdev(core, device).file;
}

/** One open of the character device. */
class Cdev implements CdevIoctls {
  readonly file: VfioDeviceFile<unknown>;
  private readonly core: VfioCore;
  private readonly device: VfioDevice;
  private iommu: DeviceIommu | undefined;

  constructor(core: VfioCore, device: VfioDevice) {
    this.core = core;
    this.device = device;
    const name = `/dev/vfio/devices/${cdevName(device)}`;
    this.file = new VfioDeviceFile(device, { granted: false, name, cdev: this, release: () => this.release() });
  }

  /** vfio_df_ioctl_bind_iommufd, behind the checks of the argument. */
  *bind(caller: Process, argument: number, request: BindRequest): Task<number> {
    const group = this.device.group!;
    const blocked = group.block();
    if (blocked !== 0) return blocked;
    const { lock } = this.core.deviceSet(this.device);
    yield* lock.lock();
    const error = yield* this.bindLocked(caller, argument, request);
    if (error !== 0) group.unblock();
    lock.unlock();
    return error;
  }

  attach(caller: Process, argument: number): number {
    const { at, size } = device_attach_iommufd_pt;
    const request = readRequest(caller, argument, size, at.pasid, this.device.ops.pasid);
    if (typeof request === 'number') return request;
    const { view, pasid } = request;
    const { binding } = this.device;
    if (binding === undefined) return -ERRNO.EINVAL;
    const ptId = binding.attach(view.getUint32(at.pt_id, true), pasid);
    if (ptId < 0) return ptId;
    view.setUint32(at.pt_id, ptId, true);
    if (caller.copyToUser(argument + at.pt_id, new Uint8Array(view.buffer, view.byteOffset + at.pt_id, 4))) return 0;
    // The attachment of the function itself goes, also where a PASID was attached.
    binding.detach(undefined);
    return -ERRNO.EFAULT;
  }

  /** Nothing attached is no error. */
  detach(caller: Process, argument: number): number {
    const { at, size } = device_detach_iommufd_pt;
    const request = readRequest(caller, argument, size, at.pasid, this.device.ops.pasid);
    if (typeof request === 'number') return request;
    this.device.binding?.detach(request.pasid);
    return 0;
  }

  private *bindLocked(caller: Process, argument: number, request: BindRequest): Task<number> {
    const { device } = this;
    if (this.file.granted) return -ERRNO.EINVAL;
    const refused = checkToken(device, caller, request.token);
    if (refused !== 0) return refused;
    const file = caller.file(request.iommufd)?.file;
    if (file === undefined) return -ERRNO.EBADF;
    if (!(file instanceof IommufdFile)) return -ERRNO.EBADFD;
    const iommu = iommufdOf(file);
    const error = yield* openDevice(device, iommu, 'cdev', caller);
    if (error !== 0) return error;
    const id = new Uint8Array(Uint32Array.of(device.binding!.id).buffer);
    if (!caller.copyToUser(argument + device_bind_iommufd.at.out_devid, id)) {
      yield* closeDevice(device, iommu);
      return -ERRNO.EFAULT;
    }
    this.iommu = iommu;
    device.cdevOpened = true;
    this.file.granted = true;
    return 0;
  }

  /** vfio_df_unbind_iommufd, and the reference of the open. */
  private *release(): Task<void> {
    const { device, iommu } = this;
    if (iommu !== undefined) {
      const { lock } = this.core.deviceSet(device);
      yield* lock.lock();
      device.cdevOpened = false;
      yield* closeDevice(device, iommu);
      lock.unlock();
      device.group!.unblock();
    }
    this.core.put(device);
  }
}

/** The iommufd as what translates the device while it is open. */
function iommufdOf(file: IommufdFile): DeviceIommu {
  return {
    use(device) {
      const binding = bindDevice(device, file.context);
      if (typeof binding === 'number') return binding;
      device.binding = binding;
      return 0;
    },
    unuse(device) {
      device.binding?.unbind();
      device.binding = undefined;
    },
  };
}

/** vfio_df_check_token: the shared secret of a PF and its VFs, on this way in as on that through the group. */
function checkToken(device: VfioDevice, caller: Process, address: number | undefined): number {
  const match = device.ops.match_token_uuid;
  if (address === undefined) return match?.(device.data, undefined) ?? 0;
  if (match === undefined) return -ERRNO.EINVAL;
  const token = caller.copyFromUser(address, TOKEN_SIZE);
  return token === undefined ? -ERRNO.EFAULT : match(device.data, token);
}

/** ATTACH and DETACH begin alike: the PASID, at the end of the struct, is read only with its flag. */
function readRequest(
  caller: Process,
  argument: number,
  size: number,
  pasidAt: number,
  pasids: boolean | undefined,
): { readonly view: DataView; readonly pasid: number | undefined } | number {
  const bytes = caller.copyFromUser(argument, pasidAt);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const argsz = view.getUint32(0, true);
  const flags = view.getUint32(4, true);
  if (argsz < pasidAt || (flags & ~ATTACH_FLAG.PASID) !== 0) return -ERRNO.EINVAL;
  if ((flags & ATTACH_FLAG.PASID) === 0) return { view, pasid: undefined };
  if (!pasids) return -ERRNO.EOPNOTSUPP;
  if (argsz < size) return -ERRNO.EINVAL;
  const pasid = caller.copyFromUser(argument + pasidAt, 4);
  return pasid === undefined ? -ERRNO.EFAULT : { view, pasid: viewOf(pasid).getUint32(0, true) };
}
