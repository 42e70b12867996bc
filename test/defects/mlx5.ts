/** Defects of the mlx5 driver, and shapes of other variant drivers' defects carried over to it. */
import { Firmware } from '../../sim/devices/mlx5/firmware.ts';
import { LoadSession } from '../../sim/devices/mlx5/load-session.ts';
import { deref } from '../../sim/oops.ts';
import type { VfioPciCoreDevice } from '../../src/pci-core/core-device.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { MLX5_ARCS } from '../../variants/mlx5/arcs.ts';
import { PAGE } from '../../variants/mlx5/core/object-commands.ts';
import { DataBuffer } from '../../variants/mlx5/data-buffer.ts';
import { Mlx5VfDevice } from '../../variants/mlx5/device.ts';
import { dataOf, MLX5_ERROR_HANDLERS } from '../../variants/mlx5/driver.ts';
import { PrecopyInfoCall } from '../../variants/mlx5/save/precopy-info.ts';
import { SaveSession } from '../../variants/mlx5/save/session.ts';
import { VhcaCommands } from '../../variants/mlx5/vhca-commands.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

export const MLX5_DEFECTS: readonly Defect[] = [
  {
    id: 'XE-02',
    title: 'a reset asks for what only a device that migrates has',
    reference: 'CVE-2026-31601, 1b81ed612e12',
    properties: ['reset and liveness'],
    plant: () =>
      patch(MLX5_ERROR_HANDLERS, 'resetDone', (done) => (pdev) => {
        if ((pdev.driverData as VfioPciCoreDevice | undefined)?.vdev !== undefined)
          deref(dataOf(pdev).migratable, 'the migration context');
        return done(pdev);
      }),
  },
  {
    id: 'MLX5-01',
    title: 'a reader sleeps for ever when saving is disabled',
    reference: '82470eba9df9',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        SaveSession.prototype,
        'wakeReaders',
        (wake) =>
          function (this: SaveSession) {
            if (this.state !== 'ERROR') wake.call(this);
          },
      ),
  },
  {
    id: 'MLX5-02',
    title: 'an incremental query is sent for a stream in error',
    reference: 'd8d577b5fa2a',
    properties: ['parent-interaction scope', 'FSM legality'],
    plant: () => patch(VhcaCommands.prototype, 'blocksQuery', () => () => false),
  },
  {
    id: 'MLX5-03',
    title: 'the parent is not told that pre-copy was abandoned',
    reference: '6de042240b0f',
    properties: ['parent-interaction scope', 'stream robustness'],
    plant: () => {
      const arc = MLX5_ARCS.find(({ from, to }) => from === MIG_STATE.PRE_COPY && to === MIG_STATE.RUNNING)!;
      return patch(
        arc as { does: typeof arc.does },
        'does',
        () =>
          function* (device) {
            yield* device.endSessions();
            return undefined;
          },
      );
    },
  },
  {
    id: 'MLX5-04',
    title: 'dirty_bytes leaves out what is already in the file',
    reference: '4928f67bc911',
    properties: ['FSM legality'],
    plant: () => patch(PrecopyInfoCall.prototype, 'dirtyBytes', () => (_unread, coming) => coming),
  },
  {
    id: 'MLX5-05',
    title: 'pages that were allocated and not appended are lost',
    reference: 'CVE-2024-56742, 22e87bf3f77c',
    properties: ['resource bound'],
    plant: () =>
      patch(
        DataBuffer.prototype,
        'addPages',
        () =>
          function (this: DataBuffer, count) {
            const { device } = this as unknown as { device: Mlx5VfDevice };
            if (count === 0) return 0;
            if (device.noMemory() || device.noMemory()) return -ERRNO.ENOMEM;
            const result = this.append(device.card.allocatePages(count * PAGE));
            if (result === 0) this.pages += count;
            return result;
          },
      ),
  },
  {
    id: 'HISI-01',
    title: 'the copy to the user ignores the position in the stream',
    reference: 'hisi_acc: save and resume in chunks',
    properties: ['save-load round trip', 'stream robustness'],
    plant: () =>
      patch(
        DataBuffer.prototype,
        'read',
        (read) =>
          function (this: DataBuffer, offset, into) {
            read.call(this, offset > 0 && offset < 4096 ? 0 : offset, into);
          },
      ),
  },
  {
    id: 'HISI-02',
    title: 'two halves of an address are put together in the wrong order',
    reference: 'hisi_acc: EQE and AEQE addresses',
    properties: ['save-load round trip'],
    plant: () =>
      patch(
        LoadSession.prototype,
        'load',
        (load) =>
          function (this: LoadSession, image, live) {
            const result = load.call(this, image, live);
            const queue = live.queues[0]!;
            if (result === undefined) [queue[0], queue[1]] = [queue[1]!, queue[0]!];
            return result;
          },
      ),
  },
  {
    id: 'CORE-09',
    title: 'a reset takes the state mutex instead of leaving its work to whoever holds it',
    reference: "series 'vfio: Introduce .migration_reset_state() callback', 2026",
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        Mlx5VfDevice.prototype,
        'resetDone',
        () =>
          function* (this: Mlx5VfDevice) {
            yield* this.stateMutex.lock();
            this.state = MIG_STATE.RUNNING;
            yield* this.endSessions();
            this.stateMutex.unlock();
          },
      ),
  },
  {
    id: 'HISI-09',
    title: 'the reset handler returns early for drivers with pre-copy',
    reference: 'hisi_acc: migration flags compared with one value',
    properties: ['reset and liveness', 'fd lifetime'],
    plant: () => patch(Mlx5VfDevice.prototype, 'resetDone', () => () => undefined),
  },
  {
    id: 'PDS-02',
    title: 'a migration file can be used after a reset freed its session',
    reference: '457f73082547',
    properties: ['fd lifetime', 'reset and liveness'],
    plant: () =>
      patch(
        SaveSession.prototype,
        'disable',
        () =>
          // biome-ignore lint/correctness/useYield: nothing to wait for
          function* (this: SaveSession) {
            this.state = 'COMPLETE';
            this.wakeReaders();
          },
      ),
  },
  {
    id: 'SCOPE-01',
    title: 'a command names the neighbour of the VF it is for',
    reference: 'shape of CORE-05 and CORE-06: an identity that is not checked',
    properties: [
      'parent-interaction scope',
      'noninterference',
      'save-load round trip',
      'FSM legality',
      'reset and liveness',
    ],
    plant: () =>
      patch(
        Firmware.prototype,
        'vhcaById',
        (find) =>
          function (this: Firmware, id) {
            return find.call(this, 0x20 + ((id - 0x20) ^ 1));
          },
      ),
  },
];
