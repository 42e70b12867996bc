/** The vfio-dev directory of a device in sysfs: how user space finds the name of its character device. */
import { directory, type Node, value } from '../kernel/sysfs/node.ts';
import { cdevName } from './cdev.ts';
import type { VfioDevice } from './device.ts';

/** Major number of vfio character devices as this kernel gives it out. */
const MAJOR = 511;

/** `vfio-dev` of a registered device; nothing for one that is not. */
export function vfioDevEntries(device: VfioDevice | undefined): Readonly<Record<string, () => Node | undefined>> {
  if (device === undefined || device.index < 0) return {};
  const dev = (): Node => value(() => `${MAJOR}:${device.index}`);
  return { 'vfio-dev': () => directory({ [cdevName(device)]: () => directory({ dev }) }) };
}
