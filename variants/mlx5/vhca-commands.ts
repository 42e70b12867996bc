/** Commands on the VF, and the order they keep with a save in flight (drivers/vfio/pci/mlx5/cmd.c). */
import type { Task } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { VhcaMigrationState } from './core/migration-commands.ts';
import type { DataBuffer } from './data-buffer.ts';
import type { Mlx5VfDevice } from './device.ts';
import type { SaveSession } from './save/session.ts';

/** What an incremental query is for (MLX5VF_QUERY_*). */
export type QueryPurpose = 'more' | 'final' | 'cleanup';

/** Nothing to be saved: what a query answers when the firmware lost track. */
const NOTHING: VhcaMigrationState = { state: 0, required: 0, remaining: 0 };

export class VhcaCommands {
  private readonly device: Mlx5VfDevice;
  constructor(device: Mlx5VfDevice) {
    this.device = device;
  }

  /** mlx5vf_cmd_suspend_vhca */
  suspend(opMod: number): Task<number> {
    const { parent, abilities } = this.device;
    return this.alone(() => parent.call('suspend', { vhcaId: abilities.vhcaId, opMod }));
  }

  /** mlx5vf_cmd_resume_vhca */
  resume(opMod: number): Task<number> {
    const { parent, abilities } = this.device;
    return this.alone(() => parent.call('resume', { vhcaId: abilities.vhcaId, opMod }));
  }

  /** mlx5vf_cmd_query_vhca_migration_state, for a full image. */
  queryFull(): Task<VhcaMigrationState | number> {
    return this.alone(() => this.ask(false));
  }

  /** The same against the last tracked save: only while no save runs, and not on a session in error. */
  *queryIncremental(session: SaveSession, purpose: QueryPurpose): Task<VhcaMigrationState | number> {
    const attached = this.device.attached();
    if (attached < 0) return attached;
    if (!(yield* session.saveDone.wait())) return -ERRNO.EINTR;
    const answer = yield* this.askOf(session, purpose);
    session.saveDone.complete();
    return answer;
  }

  /** mlx5vf_cmd_load_vhca_state: the first `size` bytes of `buffer`. */
  *load(buffer: DataBuffer, size: number): Task<number> {
    const { device } = this;
    const attached = device.attached();
    if (attached < 0) return attached;
    return yield* device.parent.call('load', { vhcaId: device.abilities.vhcaId, image: buffer.contents, size });
  }

  *allocPd(): Task<number> {
    const attached = this.device.attached();
    return attached < 0 ? attached : yield* this.device.parent.call('allocPd', {});
  }

  *deallocPd(pd: number): Task<void> {
    if (!this.device.detached) yield* this.device.parent.call('deallocPd', { pd });
  }

  /** The firmware would refuse an incremental query on a session in error: it is not even asked. */
  blocksQuery(session: SaveSession): boolean {
    return session.state === 'ERROR';
  }

  /**
   * Sends a command while no save runs: a suspend would make it track a stopped device. The kernel waits before SUSPEND
   * and incremental QUERY only; the order of the others is the firmware's business there, and settled here.
   */
  private *alone<R>(send: () => Task<R>): Task<R | number> {
    const attached = this.device.attached();
    if (attached < 0) return attached;
    const { saving } = this.device;
    if (saving !== undefined && !(yield* saving.saveDone.wait())) return -ERRNO.EINTR;
    const result = yield* send();
    saving?.saveDone.complete();
    return result;
  }

  private *askOf(session: SaveSession, purpose: QueryPurpose): Task<VhcaMigrationState | number> {
    // Tracking was lost in pre-copy: nothing more to copy, and at the end everything; leaving it is asked for all the same.
    if (session.state === 'PRE_COPY_ERROR' && purpose !== 'cleanup')
      return purpose === 'more' ? NOTHING : yield* this.ask(false);
    if (this.blocksQuery(session)) return -ERRNO.ENODEV;
    return yield* this.ask(true);
  }

  private ask(incremental: boolean): Task<VhcaMigrationState | number> {
    const { parent, abilities } = this.device;
    return parent.call('query', { vhcaId: abilities.vhcaId, incremental, chunk: abilities.chunkMode });
  }
}
