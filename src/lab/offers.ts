/** What there is to try at a subject: operations and properties name what they need of it. */
import { MIGRATION } from '../uapi/vfio.ts';
import type { DeclaredVariant } from '../variant/variant.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import { PLAIN } from './setting.ts';
import type { Subject } from './subject.ts';

/** See the head of this file. */
export type Offer =
  | 'function'
  | 'pci'
  | 'vfs'
  | 'vectors'
  | 'registers'
  | 'dma'
  | 'logging'
  | 'parent'
  | 'scope'
  | 'failures'
  | 'serial'
  | 'migration'
  | 'precopy'
  | 'container'
  | 'group'
  | 'iommufd'
  | 'bench'
  | 'type1'
  | 'ioas'
  | 'mappings'
  | 'tracking';

/** Why what needs it does not apply to a subject without it. */
const ABSENT: Readonly<Record<Offer, string>> = {
  function: 'the device is emulated: there is no PCI function',
  vfs: 'no function has VFs',
  pci: 'the driver is more than vfio-pci',
  vectors: 'the device has no message interrupts',
  registers: 'the device has no registers of this kind',
  dma: 'the device does no DMA',
  logging: 'the driver does not log writes of the device',
  parent: 'the driver has no parent that it calls',
  scope: 'the driver has no parent that it calls',
  failures: 'no command of the device can be made to fail',
  serial: 'the device has no serial ports',
  migration: 'the device cannot be migrated',
  precopy: 'the device does not save while it runs',
  container: 'no setting has a group in a container',
  group: 'no setting has a group that is alone in its container',
  iommufd: 'no setting has a device bound to an iommufd',
  bench: 'there are no devices aside to play with',
  type1: 'no mappings are made through type1',
  ioas: 'no mappings are made through iommufd',
  mappings: 'the device does no DMA',
  tracking: 'nothing tells which pages were written',
};

/** Whether a subject offers something. */
export function offers({ variant, profile }: Offering, offer: Offer): boolean {
  switch (offer) {
    case 'function':
      return profile.kind === 'function';
    case 'logging':
      return profile.logging;
    case 'parent':
      return variant.declaration.parent !== undefined;
    case 'vfs':
      return profile.pci?.vfs === true;
    case 'scope':
      return variant.declaration.parent !== undefined || profile.pci !== undefined;
    case 'migration':
      return profile.migrationFlags !== 0;
    case 'precopy':
      return (profile.migrationFlags & MIGRATION.PRE_COPY) !== 0;
    case 'group':
      return profile.way !== 'cdev' && profile.bench === undefined;
    case 'container':
      return profile.way !== 'cdev';
    case 'iommufd':
      return profile.way === 'cdev';
    case 'type1':
      return profile.bench !== undefined && (profile.way === 'type1' || profile.way === 'type1v2');
    case 'ioas':
      return profile.bench !== undefined && (profile.way === 'cdev' || profile.way === 'compat');
    case 'mappings':
      return profile.bench !== undefined || profile.dma !== undefined;
    case 'tracking':
      return profile.bench !== undefined || profile.logging;
    default:
      return profile[offer] !== undefined;
  }
}

/** A subject, or a world of it. */
export interface Offering {
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
}

/** Why something that needs all of `needs` does not apply to a subject, all being plain; undefined: it does. */
export function whyNot(subject: Subject, needs: readonly Offer[] | undefined): string | undefined {
  const plain = { variant: subject.variant, profile: subject.profile(PLAIN) };
  const absent = needs?.find((offer) => !offers(plain, offer));
  return absent && ABSENT[absent];
}

/** Whether a subject is worked by an operation. */
export function applies(
  subject: Offering,
  { name, needs }: { readonly name: string; readonly needs?: Offer },
): boolean {
  if (subject.profile.without?.has(name)) return false;
  return needs === undefined || offers(subject, needs);
}
