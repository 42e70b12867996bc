/**
 * SAVE_VHCA_STATE, which nobody waits for: a thread carries the command, and its callback adds the image to the stream
 * (drivers/vfio/pci/mlx5/cmd.c: mlx5vf_cmd_save_vhca_state, mlx5vf_save_callback, mlx5vf_mig_file_cleanup_cb).
 */
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import type { SaveOutcome } from '../core/migration-commands.ts';
import { PAGE } from '../core/object-commands.ts';
import { CMD_STAT } from '../core/status.ts';
import type { DataBuffer } from '../data-buffer.ts';
import { MLX5_FORMAT } from '../format.ts';
import { CHUNK_BUFFERS, type SaveSession } from './session.ts';

/** What a SAVE asks for. */
export interface SaveKind {
  /** Only what changed since the last tracked save. */
  readonly incremental: boolean;
  /** The device goes on and its changes are recorded; without it this image is of the stopped device. */
  readonly track: boolean;
}

export class SaveCommand {
  private readonly session: SaveSession;
  private readonly buffer: DataBuffer;
  private readonly kind: SaveKind;

  constructor(session: SaveSession, buffer: DataBuffer, kind: SaveKind) {
    this.session = session;
    this.buffer = buffer;
    this.kind = kind;
  }

  /** Submits the command once no other save runs: 0, or a negated errno and the buffer is still the caller's. */
  *submit(): Task<number> {
    const { session, kind } = this;
    const { device } = session;
    const attached = device.attached();
    if (attached < 0) return attached;
    if (!(yield* session.saveDone.wait())) return -ERRNO.EINTR;
    // Tracking was lost: there is nothing an increment could refer to.
    const incremental = kind.incremental && session.state !== 'PRE_COPY_ERROR';
    // What the answer is written to, and the buffer of the record's header.
    if (device.noMemory() || device.noMemory()) {
      session.saveDone.complete();
      return -ERRNO.ENOMEM;
    }
    if (!kind.track) session.state = 'SAVING';
    session.inFlight++;
    // mlx5_cmd_exec_cb: the command is in the queue when this returns.
    device.core.pdev.scheduler.start(`mlx5 save ${device.core.pdev.name}`, this.carry(incremental));
    return 0;
  }

  private *carry(incremental: boolean): Task<void> {
    const { session, buffer } = this;
    const { device } = session;
    const outcome = yield* device.parent.call('save', {
      vhcaId: device.abilities.vhcaId,
      incremental,
      track: this.kind.track,
      mkey: buffer.mkey,
      size: buffer.pages * PAGE,
    });
    if (outcome.errno === 0) this.completed(outcome);
    else this.failed(outcome);
    session.saveDone.complete();
    session.inFlight--;
    session.idle.wake();
  }

  /** The image is there: its header and itself become readable. */
  completed(outcome: SaveOutcome): void {
    const { session, buffer, kind } = this;
    const first = kind.track && session.state !== 'PRE_COPY';
    const header = MLX5_FORMAT.header('FW_DATA', outcome.imageSize);
    session.append(header, header.length);
    session.append(buffer, outcome.imageSize);
    if (first || buffer.initial) session.initialBytes += header.length + outcome.imageSize;
    buffer.initial = false;
    if (first) session.state = 'PRE_COPY';
    const next = buffer.chunk === 0 ? 0 : outcome.nextRequired;
    if (!kind.track && next === 0) session.state = 'COMPLETE';
    if (buffer.chunk !== 0) session.readyChunks++;
    session.wakeReaders();
    if (next === 0) return;
    // Both buffers wait to be read: the next SAVE comes when one of them has been.
    if (session.readyChunks >= CHUNK_BUFFERS) session.delayedChunk = next;
    else session.chunks.request((buffer.chunk % CHUNK_BUFFERS) + 1, next);
  }

  /** No image: the session is over, unless tracking was lost while the device runs. */
  failed(outcome: SaveOutcome): void {
    const { session, buffer, kind } = this;
    session.pool.put(buffer);
    const lostTrack = kind.track && outcome.status === CMD_STAT.BAD_RES_STATE_ERR;
    session.state = lostTrack ? 'PRE_COPY_ERROR' : 'ERROR';
    session.wakeReaders();
  }
}
