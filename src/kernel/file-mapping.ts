/** Mappings of files into processes (vm_area_struct with a vm_file). */
import type { Backing, FileReference } from './file.ts';
import type { Process } from './process.ts';

/** A mapping call: protection and sharing. */
export interface MmapFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly shared: boolean;
}

/** A mapping holds its file open until it goes (vma->vm_file). */
export function holding(process: Process, reference: FileReference, backing: Backing): Backing {
  return {
    ...(backing.ordinary && { ordinary: true }),
    load: (offset, into) => backing.load(offset, into),
    store: (offset, bytes) => backing.store(offset, bytes),
    physical: (offset) => backing.physical(offset),
    opened: () => {
      reference.get();
      backing.opened?.();
    },
    closed: () => {
      backing.closed?.();
      process.finish(reference.close());
    },
  };
}
