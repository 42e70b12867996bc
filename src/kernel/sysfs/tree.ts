import { ERRNO } from '../../uapi/errno.ts';
import type { OpenFile } from '../file.ts';
import type { OpenFlags } from '../path-lookup.ts';
import { type Directory, type Node, openNode } from './node.ts';

/** Hops through symbolic links before a look-up gives up (MAXSYMLINKS). */
const MAX_LINKS = 40;

/** /sys: resolves paths, following links. */
export class Sysfs {
  private readonly root: Directory;
  constructor(root: Directory) {
    this.root = root;
  }

  /** The node a path names, with links followed except, on request, the last one. */
  resolve(path: string, followLast = true): Node | undefined {
    let parts = path.split('/').filter((part) => part !== '');
    if (parts.shift() !== 'sys') return undefined;
    let node: Node | undefined = this.root;
    for (let hops = 0; parts.length > 0; ) {
      if (node?.kind !== 'directory') return undefined;
      node = node.child(parts.shift()!);
      if (node?.kind !== 'link' || (parts.length === 0 && !followLast)) continue;
      if (++hops > MAX_LINKS) return undefined;
      parts = [...node.target.split('/').filter((part) => part !== '' && part !== 'sys'), ...parts];
      node = this.root;
    }
    return node;
  }

  open(path: string, how: OpenFlags): OpenFile | number {
    const node = this.resolve(path);
    return node === undefined ? -ERRNO.ENOENT : openNode(node, path, how);
  }

  /** The target of a link. */
  readlink(path: string): string | number {
    const node = this.resolve(path, false);
    if (node === undefined) return -ERRNO.ENOENT;
    return node.kind === 'link' ? node.target : -ERRNO.EINVAL;
  }

  /** Names in a directory. */
  readdir(path: string): string[] | number {
    const node = this.resolve(path);
    if (node === undefined) return -ERRNO.ENOENT;
    return node.kind === 'directory' ? node.list() : -ERRNO.ENOTDIR;
  }
}
