/** A variant without hardware: a kernel module that makes its devices itself, as mediated devices are made. */
import type { Kernel } from '../kernel/kernel.ts';
import type { VfioCore } from '../vfio/core.ts';
import type { DeclaredVariant } from './variant.ts';

export interface EmulatedVariant extends DeclaredVariant {
  /** Loads the module, which finds its place in the kernel by itself. */
  load(host: { readonly kernel: Kernel; readonly vfio: VfioCore }): void;
}
