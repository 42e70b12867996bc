/** The migration commands (mlx5_ifc.h: suspend_vhca ... load_vhca_state; drivers/vfio/pci/mlx5/cmd.c sends them). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { type CommandOutput, errnoOf, OPCODE, PLAIN } from './command.ts';
import type { CommandQueue } from './command-queue.ts';

/** Sides of a VHCA as SUSPEND_VHCA numbers them. */
export const SUSPEND = { INITIATOR: 0, RESPONDER: 1 } as const;
/** RESUME_VHCA numbers them the other way round. */
export const RESUME = { RESPONDER: 0, INITIATOR: 1 } as const;

/** migration_state of QUERY_VHCA_MIGRATION_STATE. */
export const MIGRATION_STATE = { UNINITIALIZED: 0, IDLE: 1, READY: 2, DIRTY: 3, INIT: 4 } as const;

/** What QUERY_VHCA_MIGRATION_STATE answers; sizes in bytes. */
export interface VhcaMigrationState {
  readonly state: number;
  /** What the buffer of the next SAVE must hold at least. */
  readonly required: number;
  /** What is left in all; meaningful in chunk mode. */
  readonly remaining: number;
}

/** What SAVE_VHCA_STATE answers. */
export interface SaveOutcome {
  /** The firmware's status, 0 for success, and the errno it becomes. */
  readonly status: number;
  readonly errno: number;
  readonly imageSize: number;
  /** Chunk mode: what the next chunk's buffer must hold, 0 after the last. */
  readonly nextRequired: number;
}

const INCREMENTAL = 0x8000_0000;
/** QUERY: sizes of the next chunk. SAVE: start tracking changes. */
const CHUNK = 0x4000_0000;
const SET_TRACK = 0x4000_0000;

function migrationStateOf({ errno, view }: CommandOutput): VhcaMigrationState | number {
  if (errno < 0) return errno;
  return {
    state: view.getUint8(0x0c) >>> 4,
    required: view.getUint32(0x10),
    remaining: view.getUint32(0x18) * 0x1_0000_0000 + view.getUint32(0x1c),
  };
}

function saveOutcomeOf({ status, errno, view }: CommandOutput): SaveOutcome {
  return { status, errno, imageSize: view.getUint32(0x08), nextRequired: view.getUint32(0x0c) };
}

export class MigrationCommands {
  private readonly queue: CommandQueue;
  constructor(queue: CommandQueue) {
    this.queue = queue;
  }

  suspend(vhcaId: number, opMod: number): Task<number> {
    const input = this.queue.input(OPCODE.SUSPEND_VHCA, PLAIN, opMod);
    input.setUint16(0x0a, vhcaId);
    return this.queue.execute(input, PLAIN, errnoOf);
  }

  resume(vhcaId: number, opMod: number): Task<number> {
    const input = this.queue.input(OPCODE.RESUME_VHCA, PLAIN, opMod);
    input.setUint16(0x0a, vhcaId);
    return this.queue.execute(input, PLAIN, errnoOf);
  }

  query(vhcaId: number, incremental: boolean, chunk: boolean): Task<VhcaMigrationState | number> {
    const input = this.queue.input(OPCODE.QUERY_VHCA_MIGRATION_STATE);
    input.setUint32(0x08, ((incremental ? INCREMENTAL : 0) | (chunk ? CHUNK : 0) | vhcaId) >>> 0);
    return this.queue.execute(input, 0x40, migrationStateOf);
  }

  save(vhcaId: number, incremental: boolean, track: boolean, mkey: number, size: number): Task<SaveOutcome> {
    const input = this.queue.input(OPCODE.SAVE_VHCA_STATE, 0x20);
    input.setUint32(0x08, ((incremental ? INCREMENTAL : 0) | (track ? SET_TRACK : 0) | vhcaId) >>> 0);
    input.setUint32(0x18, mkey);
    input.setUint32(0x1c, size);
    return this.queue.execute(input, PLAIN, saveOutcomeOf);
  }

  load(vhcaId: number, mkey: number, size: number): Task<number> {
    const input = this.queue.input(OPCODE.LOAD_VHCA_STATE, 0x20);
    input.setUint16(0x0a, vhcaId);
    input.setUint32(0x18, mkey);
    input.setUint32(0x1c, size);
    return this.queue.execute(input, PLAIN, errnoOf);
  }
}
