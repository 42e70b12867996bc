/** A group whose container is an iommufd (group.c, iommufd.c): devices are bound as they are opened. */
import type { Context } from '../iommufd/context.ts';
import { IommufdFile } from '../iommufd/file.ts';
import { createCompatIoas, setNoIommu } from '../iommufd/vfio-compat.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { bindDevice } from './binding.ts';
import type { ContainerLike } from './container.ts';
import type { VfioDevice } from './device.ts';
import type { VfioGroup } from './group.ts';

/** What SET_CONTAINER makes of the descriptor of an iommufd; undefined for other files. */
export function iommufdContainer(file: OpenFile): ContainerLike | undefined {
  return file instanceof IommufdFile ? new IommufdContainer(file.context) : undefined;
}

class IommufdContainer implements ContainerLike {
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /** No right to DMA is claimed yet; that is for the devices. */
  attach(group: VfioGroup): number {
    const error = group.kind === 'noiommu' ? setNoIommu(this.context) : createCompatIoas(this.context);
    if (error === 0) this.context.get();
    return error;
  }

  detach(): void {
    this.context.put();
  }

  /** An open device goes on with its iommufd, whatever the group does. */
  busy(): boolean {
    return false;
  }

  use(device: VfioDevice, caller: Process): number {
    if (device.group!.kind === 'noiommu') {
      const allowed = caller.capabilities.has('CAP_SYS_RAWIO') && this.context.vfioIoas === undefined;
      return allowed ? 0 : -ERRNO.EPERM;
    }
    const binding = bindDevice(device, this.context);
    if (typeof binding === 'number') return binding;
    device.binding = binding;
    return 0;
  }

  /** vfio_iommufd_compat_attach_ioas. */
  opened(device: VfioDevice): number {
    if (device.binding === undefined) return 0;
    const ioas = this.context.vfioIoas;
    if (ioas === undefined) return -ERRNO.ENODEV;
    return Math.min(0, device.binding.attach(ioas.id, undefined));
  }

  unuse(device: VfioDevice): void {
    device.binding?.unbind();
    device.binding = undefined;
  }
}
