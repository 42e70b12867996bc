/** What stands behind each descriptor of a script, as far as decoding and comparing need to know. */

/** Kinds of files that scripts deal with. */
export type HandleKind =
  | 'container'
  | 'group'
  | 'device'
  | 'iommufd'
  | 'config'
  | 'eventfd'
  | 'memory'
  | 'returned'
  | 'other';

/** One open file. `device` is the name of the function behind a device, its configuration space or its data. */
export interface Handle {
  readonly kind: HandleKind;
  readonly device?: string;
}

const OTHER: Handle = { kind: 'other' };

export class Handles {
  /** Device names by the name of their character device, as far as the script has looked them up. */
  readonly characterDevices = new Map<string, string>();
  private readonly byNumber = new Map<number, Handle>();

  set(fd: number, handle: Handle): void {
    if (fd >= 0) this.byNumber.set(fd, handle);
  }

  at(fd: number): Handle {
    return this.byNumber.get(fd) ?? OTHER;
  }

  delete(fd: number): void {
    this.byNumber.delete(fd);
  }

  /** What a path opens. */
  ofPath(path: string): Handle {
    if (path === '/dev/vfio/vfio') return { kind: 'container' };
    if (path === '/dev/iommu') return { kind: 'iommufd' };
    const cdev = /^\/dev\/vfio\/devices\/(.+)$/.exec(path)?.[1];
    if (cdev !== undefined) return named('device', this.characterDevices.get(cdev));
    if (/^\/dev\/vfio\/(noiommu-)?\d+$/.test(path)) return { kind: 'group' };
    const config = /^\/sys\/.*\/([^/]+)\/config$/.exec(path)?.[1];
    return config === undefined ? OTHER : { kind: 'config', device: config };
  }

  /** What VFIO_GROUP_GET_DEVICE_FD opens: its argument is the name, with options behind a space. */
  ofName(argument: Uint8Array): Handle {
    const text = Buffer.from(argument).toString('latin1');
    return { kind: 'device', device: text.split(/[\0 ]/, 1)[0]! };
  }
}

function named(kind: HandleKind, device: string | undefined): Handle {
  return device === undefined ? { kind } : { kind, device };
}
