import type { DmaBufExport } from '../../kernel/dma-buf.ts';
import { dmaBufOf } from '../../kernel/dma-buf.ts';
import type { Process } from '../../kernel/process.ts';
import type { HeldBuffer } from './pci-state.ts';

/** What is behind a buffer that the tenant holds. */
export function heldExport(process: Process, { fd }: HeldBuffer): DmaBufExport | undefined {
  const file = process.file(fd)?.file;
  return file === undefined ? undefined : dmaBufOf(file);
}
