/** Sessions, data files and parents: what outlives its end, what a failed call leaves, who is told of an end. */

import { ended, WaitQueue } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { migrationFsm } from '../../src/vfio/migration/arcs.ts';
import { MLX5_ARCS } from '../../variants/mlx5/arcs.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { MLX5_OPS } from '../../variants/mlx5/driver.ts';
import type { ResumeSession } from '../../variants/mlx5/resume/session.ts';
import { SAFEGUARDS } from '../../variants/mlx5/safeguards.ts';
import { SaveSession } from '../../variants/mlx5/save/session.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const arcOf = (from: number, to: number) =>
  MLX5_ARCS.find((arc) => arc.from === from && arc.to === to)! as { does: (typeof MLX5_ARCS)[0]['does'] };

/** What is left of a session that could not be opened. */
const NEVER_MADE = { state: 'ERROR', end: () => ended(undefined) } as unknown as ResumeSession;

export const SESSION_DEFECTS: readonly Defect[] = [
  {
    id: 'HISI-06',
    title: 'the file of a load that failed is kept when the device is closed',
    reference: 'db6525a85739',
    properties: ['fd lifetime', 'resource bound'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'endSessions',
        (end) =>
          function* (this: Mlx5VfDevice) {
            if (this.resuming?.state === 'ERROR') this.resuming = undefined;
            yield* end.call(this);
          },
      ),
  },
  {
    id: 'HISI-10',
    title: 'a reset waits for a parent that waits for the reset',
    reference: 'a22099ed7936',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        (done) =>
          function (this: Mlx5VfDevice) {
            if (!this.detached) return done.call(this);
            const queue = new WaitQueue('parent reset');
            return (function* () {
              yield queue;
            })();
          },
      ),
  },
  {
    id: 'PDS-01',
    title: 'a reset leaves the files of a session that is not in error',
    reference: '8512ed256334',
    properties: ['fd lifetime', 'resource bound', 'parent-interaction scope'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        () =>
          function (this: Mlx5VfDevice) {
            this.state = MIG_STATE.RUNNING;
            return undefined;
          },
      ),
  },
  {
    id: 'PDS-07',
    title: 'commands go to a parent that is being torn down',
    reference: 'CVE-2024-26623, 7e82a8745b95',
    properties: ['parent-interaction scope'],
    plant: () => patch(SAFEGUARDS.PARENT_ATTACHED, 'holds', () => () => true),
  },
  {
    id: 'LVU-08',
    title: 'a device that is opened is in the state in which it was closed',
    reference: 'issue 458, 4f4fce4',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        MLX5_OPS as { open_device: NonNullable<typeof MLX5_OPS.open_device> },
        'open_device',
        (open) =>
          function* (device) {
            const state = device.migratable?.vf.state;
            const result = open(device);
            const opened = typeof result === 'number' ? result : yield* result;
            if (state !== undefined) device.migratable!.vf.state = state;
            return opened;
          },
      ),
  },
  {
    id: 'LVU-08-B',
    title: 'a reset ends the sessions and leaves the state',
    reference: 'issue 458, 4f4fce4',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        () =>
          function* (this: Mlx5VfDevice) {
            yield* this.endSessions();
          },
      ),
  },
  {
    id: 'SPDK-06',
    title: 'a session is freed before the command that will tell it',
    reference: '6f0ff37bbd',
    properties: [
      'FSM legality',
      'parent-interaction scope',
      'fd lifetime',
      'reset and liveness',
      'DMA confinement',
      'resource bound',
    ],
    plant: () =>
      patch(
        SaveSession.prototype,
        'settle',
        () =>
          function* () {
            yield 0;
          },
      ),
  },
  {
    id: 'SPDK-07',
    subject: 'mtty',
    title: 'a number is checked for its upper bound only, and 0 is one',
    reference: '5cd558f383, issue 2172',
    properties: ['FSM legality'],
    plant: () =>
      patch(
        migrationFsm,
        'next',
        (next) => (flags, current, target) =>
          target === 0 ? (0 as ReturnType<typeof next>) : next.call(migrationFsm, flags, current, target),
      ),
  },
  {
    id: 'QEMU-09',
    title: 'a session that could not be opened is in the way of the next',
    reference: '2b43b2995b02',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        arcOf(MIG_STATE.STOP, MIG_STATE.RESUMING),
        'does',
        (does) =>
          function* (device) {
            if (device.resuming !== undefined) return -ERRNO.EBUSY;
            const result = yield* does(device);
            if (typeof result === 'number') device.resuming = NEVER_MADE;
            return result;
          },
      ),
  },
];
