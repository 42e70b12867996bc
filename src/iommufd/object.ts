/** Objects of an iommufd (struct iommufd_object): what a number in its ioctls can mean, and how they hold each other. */

/** enum iommufd_object_type. */
export type ObjectKind =
  | 'device'
  | 'access'
  | 'ioas'
  | 'hwpt-paging'
  | 'hwpt-nested'
  | 'fault'
  | 'viommu'
  | 'vdevice'
  | 'veventq'
  | 'hw-queue';

/** One object. It is destroyed only when nobody but its number uses it. */
export interface IommufdObject {
  readonly kind: ObjectKind;
  /** Its number; 0 until it is in a table. */
  id: number;
  /** The number itself, and one for each object or open file that builds on this one. */
  users: number;
  /** The number is gone: gives back what this object holds. */
  destroy(): void;
}
