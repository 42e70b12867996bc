/** What can be checked: a variant together with the hardware it drives. */
import { VARIANTS } from '../machine/variants.ts';
import { mlx5Profile } from './profiles/mlx5.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import type { Subject } from './worlds.ts';

const PROFILES: Readonly<Record<string, DeviceProfile>> = { mlx5: mlx5Profile };

/** The subject of that name; undefined: no such variant. */
export function subjectNamed(name: string): Subject | undefined {
  const variant = VARIANTS.find((v) => v.name === name);
  const profile = PROFILES[name];
  return variant && profile ? { variant, profile } : undefined;
}
