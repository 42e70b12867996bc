/** The variant drivers that come with the emulator. */
import { mlx5 } from '../../variants/mlx5/index.ts';
import { mtty } from '../../variants/mtty/index.ts';
import { sample } from '../../variants/sample/index.ts';
import type { EmulatedVariant } from '../variant/emulated.ts';
import type { DeclaredVariant, VariantModule } from '../variant/variant.ts';
import type { HostModule } from './machine.ts';
import { vfioPci } from './plain.ts';

/** In the order in which they are loaded. */
export const VARIANTS: readonly VariantModule[] = [mlx5, sample];

/** Variants that make their devices without hardware. */
export const EMULATED: readonly EmulatedVariant[] = [mtty];

/** The modules of those. */
export const MODULES: readonly HostModule[] = EMULATED.map(({ load }) => load);

/** Everything that declares itself. */
export const DECLARED: readonly DeclaredVariant[] = [...VARIANTS, ...EMULATED, vfioPci];

/** The variant driver of that name; undefined: there is none. */
export function variantNamed(name: string): VariantModule | undefined {
  return VARIANTS.find((variant) => variant.name === name);
}
