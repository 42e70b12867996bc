/** sysfs as a tree of nodes computed on look-up: it can be listed, read, linked, and written through hooks. */
import { ERRNO } from '../../uapi/errno.ts';
import type { OpenFile, Result } from '../file.ts';
import type { OpenFlags } from '../path-lookup.ts';
import type { Process } from '../process.ts';

/** A directory of the tree; children come into being when looked up. */
export interface Directory {
  readonly kind: 'directory';
  list(): string[];
  child(name: string): Node | undefined;
}
/** A text attribute. `show` gives the text with its newline; `store` answers 0 or a negated errno. */
export interface Attribute {
  readonly kind: 'attribute';
  show?(): string;
  store?(text: string): Result;
}
/** A binary attribute: bytes at offsets. Past the end a read answers 0. */
export interface Binary {
  readonly kind: 'binary';
  read(offset: number, length: number): Uint8Array;
  write?(offset: number, bytes: Uint8Array): number;
}
/** A symbolic link; `target` is an absolute path under /sys. */
export interface Link {
  readonly kind: 'link';
  readonly target: string;
}
/** What a path of the tree can name. */
export type Node = Directory | Attribute | Binary | Link;

/** A directory over a table of entries, each made when looked up. */
export function directory(entries: Readonly<Record<string, () => Node | undefined>>): Directory {
  return {
    kind: 'directory',
    list: () => Object.keys(entries).filter((name) => entries[name]!() !== undefined),
    child: (name) => (Object.hasOwn(entries, name) ? entries[name]!() : undefined),
  };
}

/** A directory whose entries are the members of a collection. */
export function collection(names: () => Iterable<string>, child: (name: string) => Node | undefined): Directory {
  return { kind: 'directory', list: () => [...names()].sort(), child };
}

/** A read-only attribute; a newline is added. */
export function value(show: () => string | number): Attribute {
  return { kind: 'attribute', show: () => `${show()}\n` };
}

/** Opens an attribute as a file. A directory cannot be opened for input or output here. */
export function openNode(node: Node, path: string, how: OpenFlags): OpenFile | number {
  if (node.kind === 'directory' || node.kind === 'link') return -ERRNO.EISDIR;
  // Not even root opens an attribute for what it cannot do (fs/kernfs/file.c: KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK).
  if (node.kind === 'attribute' && ((how.write && !node.store) || (how.read && !node.show))) return -ERRNO.EACCES;
  let position = 0;
  const text = (): Uint8Array => Buffer.from((node as Attribute).show?.() ?? '');
  return {
    name: path,
    writable: how.write,
    readable: how.read,
    read(caller: Process, address: number, length: number, at: number | undefined): Result {
      const from = at ?? position;
      // The buffer of a seq_file, or of kernfs_file_read_iter.
      if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
      if (node.kind === 'attribute' && node.show === undefined) return -ERRNO.EIO;
      const bytes = node.kind === 'binary' ? node.read(from, length) : text().subarray(from, from + length);
      if (!caller.copyToUser(address, bytes)) return -ERRNO.EFAULT;
      if (at === undefined) position += bytes.length;
      return bytes.length;
    },
    write(caller: Process, address: number, length: number, at: number | undefined): Result {
      if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
      const bytes = caller.copyFromUser(address, length);
      if (bytes === undefined) return -ERRNO.EFAULT;
      if (node.kind === 'binary') {
        const done = node.write === undefined ? -ERRNO.EIO : node.write(at ?? position, bytes);
        if (done > 0 && at === undefined) position += done;
        return done;
      }
      if (node.store === undefined) return -ERRNO.EIO;
      const stored = node.store(Buffer.from(bytes).toString('latin1'));
      if (typeof stored === 'number') return stored < 0 ? stored : length;
      return (function* () {
        const result = yield* stored;
        return result < 0 ? result : length;
      })();
    },
  };
}
