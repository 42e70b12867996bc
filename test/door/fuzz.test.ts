/** A million senseless calls: no answer that no kernel gives, no throw, no endless call, and no memory that stays. */
import { expect, test } from 'vitest';
import { mlx5Models } from '../../sim/devices/mlx5/index.ts';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recorded } from '../../sim/machines/recorded.ts';
import { IommufdFile } from '../../src/iommufd/file.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import { caseSeed } from '../../src/lab/random.ts';
import { Machine } from '../../src/machine/machine.ts';
import { MODULES } from '../../src/machine/variants.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VfioContainer } from '../../src/vfio/container.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';
import { patch } from '../defects/patch.ts';
import { CdevUser } from '../vfio/cdev-user.ts';
import type { FileKind } from './allowed.ts';
import { Intruder } from './intruder.ts';

const CALLS = 1_000_000;
/** Calls to one machine: long enough to wear it out, short enough for many beginnings. */
const PER_MACHINE = 5_000;

/** The recorded machine with every kind of file open. */
function hosts(bound = true): { user: CdevUser; kinds: Map<number, FileKind> } {
  const user = new CdevUser(new Machine(recorded, { modules: MODULES }));
  const { process } = user;
  const kinds = new Map<number, FileKind>();
  const add = (fd: number, kind: FileKind): number => {
    if (fd < 0) throw new Error(`${kind}: ${fd}`);
    kinds.set(fd, kind);
    return fd;
  };
  user.bindDriver('0000:00:03.0');
  user.bindDriver('0000:02:00.0');
  const container = add(process.open('/dev/vfio/vfio'), 'container');
  const group = add(process.open(user.groupPath('0000:00:03.0')), 'group');
  if (bound) add(user.openedThrough(container, group, '0000:00:03.0'), 'device');
  const iommufd = add(user.iommufd(), 'iommufd');
  const cdev = add(user.cdev('0000:02:00.0'), 'device');
  if (bound && (user.bind(cdev, iommufd) !== 0 || user.attach(cdev, user.ioas(iommufd)) !== 0)) throw new Error('BIND');
  add(user.cdev('0000:02:00.0'), 'device');
  add(process.open(`/dev/vfio/devices/${user.createMtty()}`), 'device');
  add(user.eventfd(), 'eventfd');
  add(process.memfd(0x10000), 'memory');
  add(process.open('/sys/bus/pci/devices/0000:02:00.0/config'), 'sysfs');
  return { user, kinds };
}

/** A migratable VF in a container. */
function migratable(): { user: CdevUser; kinds: Map<number, FileKind> } {
  const user = new CdevUser(new Machine(mlx5Machine, { variants: [mlx5], models: mlx5Models() }));
  const { process } = user;
  const vf = user.firstVf('0000:01:00.0', 'mlx5-vfio-pci');
  const container = process.open('/dev/vfio/vfio');
  const group = process.open(user.groupPath(vf));
  const device = user.openedThrough(container, group, vf);
  const kinds = new Map<number, FileKind>([
    [container, 'container'],
    [group, 'group'],
    [device, 'device'],
    [user.eventfd(), 'eventfd'],
  ]);
  return { user, kinds };
}

test(`${CALLS.toLocaleString('en')} senseless calls get answers that the tables allow`, { timeout: 300_000 }, () => {
  const heap: number[] = [];
  for (let done = 0, round = 0; done < CALLS; done += PER_MACHINE, round++) {
    const { user, kinds } = round % 4 === 3 ? migratable() : hosts();
    const intruder = new Intruder(user.process, kinds, caseSeed(1, round));
    for (let call = 0; call < PER_MACHINE; call++) {
      const wrong = intruder.call();
      if (wrong !== undefined) expect({ round, index: call, ...wrong }).toBeUndefined();
    }
    expect(user.process.hangs, `calls of machine ${round} that never ended`).toBe(0);
    user.process.exit();
    expect(user.machine.vfio.openDevices(), `devices of machine ${round} still open after exit`).toEqual([]);
    user.machine.dispose();
    if (round % 20 === 10) heap.push(process.memoryUsage().heapUsed);
  }
  // Nothing outlives its machine: what the collector has not come to yet is less than this.
  expect(Math.max(...heap)).toBeLessThan(600 * 2 ** 20);
});

/** A seam, and what stands there for a while. */
const WRONG: readonly [what: string, target: object, name: string, answer: () => number][] = [
  ['an errno that never leaves the kernel', VfioContainer.prototype, 'checkExtension', () => -ERRNO.ERESTARTSYS],
  ['an errno that files of this kind do not give', IommufdFile.prototype, 'ioctl', () => -ERRNO.ENOMSG],
  ['more bytes than were asked for', EventFd.prototype, 'write', () => 4096],
  ['something that is no number', VfioContainer.prototype, 'setIommu', () => Number.NaN],
];

test.each(WRONG)('%s is noticed', (_what, target, name, answer) => {
  const undo = patch(target as unknown as Record<string, unknown>, name, () => answer);
  const { user, kinds } = hosts(false);
  const intruder = new Intruder(user.process, kinds, 1);
  let wrong: unknown;
  for (let call = 0; call < PER_MACHINE && wrong === undefined; call++) wrong = intruder.call();
  undo();
  expect(wrong).toMatchObject({ result: answer() });
});
