/** VFIO_MIG_GET_PRECOPY_INFO (drivers/vfio/pci/mlx5/main.c: mlx5vf_precopy_ioctl). */
import type { Result } from '../../../src/kernel/file.ts';
import type { Process } from '../../../src/kernel/process.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { MIG_STATE, PRECOPY_INFO_REINIT } from '../../../src/uapi/vfio.ts';
import { type PrecopyInfo, vfio_check_precopy_ioctl, writePrecopyInfo } from '../../../src/vfio/migration/precopy.ts';
import { MIGRATION_STATE } from '../core/migration-commands.ts';
import { pagesFor } from '../data-buffer.ts';
import { MLX5_FORMAT } from '../format.ts';
import { SAFEGUARDS } from '../safeguards.ts';
import { SaveCommand } from './command.ts';
import type { SaveSession } from './session.ts';

export class PrecopyInfoCall {
  private readonly session: SaveSession;
  constructor(session: SaveSession) {
    this.session = session;
  }

  run(caller: Process, command: number, argument: number): Result {
    const info = vfio_check_precopy_ioctl(caller, command, argument, {
      precopyInfoV2: this.session.device.core.vdev?.precopyInfoV2 ?? false,
    });
    return typeof info === 'number' ? info : this.answer(caller, argument, info);
  }

  private *answer(caller: Process, argument: number, info: PrecopyInfo): Task<number> {
    const { device } = this.session;
    yield* device.stateMutex.lock();
    const result = yield* this.locked(info);
    yield* device.unlock();
    return result < 0 ? result : writePrecopyInfo(caller, argument, info);
  }

  private *locked(info: PrecopyInfo): Task<number> {
    const { session } = this;
    const { state } = session.device;
    if (state !== MIG_STATE.PRE_COPY && state !== MIG_STATE.PRE_COPY_P2P) return -ERRNO.EINVAL;
    // A session of which this file is not part may be running.
    if (session.device.saving !== session) return -ERRNO.ENODEV;
    let more = 0;
    let reinit = false;
    // Nothing can be saved while the initiator is suspended, so nothing is asked either.
    if (state === MIG_STATE.PRE_COPY) {
      const answer = yield* session.device.commands.queryIncremental(session, 'more');
      if (typeof answer === 'number') return answer;
      more = answer.required;
      reinit = this.reinit(answer.state);
    }
    yield* session.lock.lock();
    const enabled = SAFEGUARDS.FILE_ENABLED.holds(session.state, undefined);
    const start = enabled && this.report(info, more, reinit);
    session.lock.unlock();
    if (!enabled) return -ERRNO.ENODEV;
    return start ? yield* this.saveMore(more, reinit) : 0;
  }

  /** Is a fresh count of initial bytes wanted? Only users that opted in are told. */
  reinit(migrationState: number): boolean {
    const { core, abilities } = this.session.device;
    return abilities.reportsState && (core.vdev?.precopyInfoV2 ?? false) && migrationState === MIGRATION_STATE.INIT;
  }

  /** Fills `info`; whether another image is to be saved now. Of the two counts only one is assigned. */
  report(info: PrecopyInfo, more: number, reinit: boolean): boolean {
    const { session } = this;
    const unread = session.length - session.position;
    const start = (reinit || this.initialLeft() === 0) && (reinit || unread === 0) && more > 0;
    const coming = start ? more + MLX5_FORMAT.headerSize : more;
    if (reinit) {
      session.initialStart = session.position;
      session.initialBytes = unread;
      info.initial_bytes = BigInt(unread + coming);
      info.flags |= PRECOPY_INFO_REINIT;
    } else if (this.initialLeft() > 0) info.initial_bytes = BigInt(this.initialLeft());
    else info.dirty_bytes = BigInt(this.dirtyBytes(unread, coming));
    return start;
  }

  /** What is in the file and not read, and what the device would add. */
  dirtyBytes(unread: number, coming: number): number {
    return unread + coming;
  }

  private initialLeft(): number {
    const { session } = this;
    return Math.max(0, session.initialStart + session.initialBytes - session.position);
  }

  private *saveMore(bytes: number, initial: boolean): Task<number> {
    const { session } = this;
    const buffer = yield* session.pool.get(pagesFor(bytes));
    if (typeof buffer === 'number') {
      session.markError();
      return buffer;
    }
    buffer.initial = initial;
    const result = yield* new SaveCommand(session, buffer, { incremental: true, track: true }).submit();
    if (result < 0) {
      session.markError();
      session.pool.put(buffer);
    }
    return result;
  }
}
