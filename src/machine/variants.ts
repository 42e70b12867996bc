/** The variant drivers that come with the emulator. */
import { mlx5 } from '../../variants/mlx5/index.ts';
import { loadMtty } from '../../variants/mtty/index.ts';
import { sample } from '../../variants/sample/index.ts';
import type { VariantModule } from '../variant/variant.ts';
import type { HostModule } from './machine.ts';

/** In the order in which they are loaded. */
export const VARIANTS: readonly VariantModule[] = [mlx5, sample];

/** Modules that make devices without hardware. */
export const MODULES: readonly HostModule[] = [loadMtty];

/** The variant of that name; undefined: there is none. */
export function variantNamed(name: string): VariantModule | undefined {
  return VARIANTS.find((variant) => variant.name === name);
}
