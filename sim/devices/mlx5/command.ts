/** A command as the firmware sees it, and what a command kind is. Layouts are big-endian (mlx5 PRM, "Commands"). */
import type { Firmware } from './firmware.ts';
import type { Refusal } from './refusal.ts';

/** Fields that every input and output begins with (mlx5_ifc.h: mbox_in, mbox_out). */
export const MBOX_IN = { OPCODE: 0x00, UID: 0x02, OP_MOD: 0x06 } as const;
export const MBOX_OUT = { STATUS: 0x00, SYNDROME: 0x04 } as const;

/** One command on its way. `in` and `out` have exactly the lengths of the queue entry. */
export interface Command {
  readonly opcode: number;
  readonly opMod: number;
  readonly in: DataView;
  readonly out: DataView;
  /** The VHCA it names, once the handler has read it; for the log. */
  vhca: number | undefined;
}

/** Success, or why not. */
export type Outcome = Refusal | undefined;
/** A command that completes later; `finish` runs after `delay` virtual nanoseconds. */
export interface Deferred {
  readonly delay: number;
  finish(): Outcome;
}

export interface CommandKind {
  readonly opcode: number;
  /** The PRM's name. */
  readonly name: string;
  /** Least input and output lengths in bytes. */
  readonly inlen: number;
  readonly outlen: number;
  /** Highest op_mod; 0 if not given. */
  readonly opMods?: number;
  /** Completes asynchronously, also when it fails by injection. */
  readonly slow?: boolean;
  run(firmware: Firmware, command: Command): Outcome | Deferred;
}
