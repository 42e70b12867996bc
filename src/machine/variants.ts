/** The variant drivers that come with the emulator. */
import { mlx5 } from '../../variants/mlx5/index.ts';
import { sample } from '../../variants/sample/index.ts';
import type { VariantModule } from '../variant/variant.ts';

/** In the order in which they are loaded. */
export const VARIANTS: readonly VariantModule[] = [mlx5, sample];

/** The variant of that name; undefined: there is none. */
export function variantNamed(name: string): VariantModule | undefined {
  return VARIANTS.find((variant) => variant.name === name);
}
