/** What stands behind paths, as a process sees it. */
import type { OpenFile } from './file.ts';
import type { Process } from './process.ts';

/** Finds what a path names; the kernel's device and sysfs files stand behind it. A negated errno if it names nothing. */
export interface PathLookup {
  open(caller: Process, path: string, how: OpenFlags): OpenFile | number;
  /** The target of a symbolic link, or a negated errno. */
  readlink(path: string): string | number;
  /** Names in a directory, sorted, or a negated errno. */
  readdir(path: string): string[] | number;
}

/** open(2) flags the files here look at. */
export interface OpenFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly nonblock: boolean;
}
