/** What can be checked: a variant together with the devices it drives, or makes. */
import { DECLARED } from '../machine/variants.ts';
import { mlx5Profile } from './profiles/mlx5.ts';
import { mttyProfile } from './profiles/mtty.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import { sampleProfile } from './profiles/sample.ts';
import type { Subject } from './worlds.ts';

const PROFILES: Readonly<Record<string, DeviceProfile>> = {
  mlx5: mlx5Profile,
  sample: sampleProfile,
  mtty: mttyProfile,
};

/** All of them. */
export const SUBJECTS: readonly Subject[] = DECLARED.flatMap((variant) => {
  const profile = PROFILES[variant.name];
  return profile ? [{ variant, profile }] : [];
});

/** The subject of that name; undefined: no such variant. */
export function subjectNamed(name: string): Subject | undefined {
  return SUBJECTS.find(({ variant }) => variant.name === name);
}
