import { ERRNO } from '../uapi/errno.ts';
import type { OpenFile } from './file.ts';
import type { OpenFlags } from './path-lookup.ts';
import type { Process } from './process.ts';

/** Opens a device node: a fresh open file, or a negated errno. */
export type Opener = (caller: Process, how: OpenFlags) => OpenFile | number;

/** Character devices by path, e.g. `/dev/vfio/12`. */
export class Devfs {
  private readonly nodes = new Map<string, Opener>();
  register(path: string, open: Opener): void {
    this.nodes.set(path, open);
  }
  unregister(path: string): void {
    this.nodes.delete(path);
  }
  open(caller: Process, path: string, how: OpenFlags): OpenFile | number {
    const open = this.nodes.get(path);
    return open === undefined ? -ERRNO.ENOENT : open(caller, how);
  }
  /** Paths that exist, sorted. */
  get paths(): string[] {
    return [...this.nodes.keys()].sort();
  }
}
