/** What can be checked: a variant together with the devices it drives, or makes. */
import { DECLARED } from '../machine/variants.ts';
import type { DeclaredVariant } from '../variant/variant.ts';
import { IOMMUFD, iommufd, TYPE1, type1 } from './profiles/mappings.ts';
import { mlx5 } from './profiles/mlx5.ts';
import { mtty } from './profiles/mtty.ts';
import type { DeviceProfile, Profiles } from './profiles/profile.ts';
import { sample } from './profiles/sample.ts';
import { vfioPci } from './profiles/vfio-pci.ts';
import { StreamReference } from './reference/stream-verdict.ts';
import { type Factor, type Setting, settingKey } from './setting.ts';

/** What a lab runs against: in each setting, a device that is worked in some way. */
export interface Subject {
  readonly variant: DeclaredVariant;
  readonly factors: readonly Factor[];
  /** A second reader of its streams; undefined: it has none. */
  readonly streams: StreamReference | undefined;
  /** The same object for the same setting. */
  profile(setting: Setting): DeviceProfile;
}

/** A subject from a variant and what the lab knows of its devices. */
export function subjectOf(variant: DeclaredVariant, { factors, profile }: Profiles): Subject {
  const known = new Map<string, DeviceProfile>();
  return {
    variant,
    factors,
    streams: variant.declaration.formats[0] && new StreamReference(variant.declaration.formats[0]),
    profile(setting) {
      const key = settingKey(setting);
      let made = known.get(key);
      if (made === undefined) known.set(key, (made = profile(setting)));
      return made;
    },
  };
}

const PROFILES: Readonly<Record<string, Profiles>> = { mlx5, sample, mtty, 'vfio-pci': vfioPci };

/** What is checked without any variant, on the drivers that all machines have. */
const WITHOUT_VARIANT: readonly Subject[] = [subjectOf(TYPE1, type1), subjectOf(IOMMUFD, iommufd)];

/** All of them. */
export const SUBJECTS: readonly Subject[] = [
  ...DECLARED.flatMap((variant) => {
    const profiles = PROFILES[variant.name];
    return profiles ? [subjectOf(variant, profiles)] : [];
  }),
  ...WITHOUT_VARIANT,
];

/** The subject of that name; undefined: no such variant. */
export function subjectNamed(name: string): Subject | undefined {
  return SUBJECTS.find(({ variant }) => variant.name === name);
}
