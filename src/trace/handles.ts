/** What stands behind each descriptor of a script, as far as decoding and comparing need to know. */
import { viewOf } from '../kernel/bytes.ts';
import { IOMMU } from '../uapi/iommufd.ts';
import { device_feature, FEATURE, FEATURE_FLAG, VFIO } from '../uapi/vfio.ts';

/**
 * Kinds of files that scripts deal with. Calls return `migration` data, a `dma-buf`, a queue of page `faults` or of
 * vIOMMU `events`, and whatever else is `returned`.
 */
export type HandleKind =
  | 'container'
  | 'group'
  | 'device'
  | 'iommufd'
  | 'config'
  | 'eventfd'
  | 'memory'
  | 'migration'
  | 'dma-buf'
  | 'faults'
  | 'events'
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
  /** What a variable would stand for if the call that sets it had not failed. */
  private readonly failed = new Map<string, Handle>();
  private readonly byNumber = new Map<number, Handle>();

  set(fd: number, handle: Handle): void {
    if (fd >= 0) this.byNumber.set(fd, handle);
  }

  /** Notes what a call was to put into `variable`, whether it did or not. */
  opened(variable: string, fd: number, handle: Handle): void {
    this.set(fd, handle);
    if (fd < 0) this.failed.set(variable, handle);
    else this.failed.delete(variable);
  }

  /** What stands behind a number; for one that is none, what stands behind the word it came from. */
  at(fd: number, word = ''): Handle {
    return this.byNumber.get(fd) ?? (fd < 0 ? this.failed.get(word.replace(/^\$/, '')) : undefined) ?? OTHER;
  }

  delete(fd: number): void {
    this.byNumber.delete(fd);
  }

  /** What a path opens. */
  ofPath(path: string): Handle {
    if (path === '/dev/vfio/vfio') return { kind: 'container' };
    if (path === '/dev/iommu') return { kind: 'iommufd' };
    const cdev = /^\/dev\/vfio\/devices\/(.*)$/.exec(path)?.[1];
    if (cdev !== undefined) return named('device', this.characterDevices.get(cdev));
    if (/^\/dev\/vfio\/(noiommu-)?\d+$/.test(path)) return { kind: 'group' };
    const config = /^\/sys\/.*\/([^/]+)\/config$/.exec(path)?.[1];
    return config === undefined ? OTHER : { kind: 'config', device: config };
  }

  /** What a successful request returned, in its struct or as its result. */
  ofRequest(request: number, argument: Uint8Array, on: Handle): Handle {
    if (request === VFIO.GROUP_GET_DEVICE_FD) return this.ofName(argument);
    if (request === IOMMU.FAULT_QUEUE_ALLOC) return { kind: 'faults' };
    if (request === IOMMU.VEVENTQ_ALLOC) return { kind: 'events' };
    if (request !== VFIO.DEVICE_FEATURE || argument.length < device_feature.size) return { kind: 'returned' };
    const feature = viewOf(argument).getUint32(device_feature.at.flags, true) & FEATURE_FLAG.MASK;
    if (feature === FEATURE.DMA_BUF) return named('dma-buf', on.device);
    return feature === FEATURE.MIG_DEVICE_STATE ? named('migration', on.device) : { kind: 'returned' };
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
