/** Commands as bytes: big-endian, with the fields that every input and output begins with (mlx5_ifc.h: mbox_in, mbox_out). */
import { statusErrno } from './status.ts';

/** Opcodes (include/linux/mlx5/mlx5_ifc.h: MLX5_CMD_OP_*). */
export const OPCODE = {
  QUERY_HCA_CAP: 0x100,
  SUSPEND_VHCA: 0x115,
  RESUME_VHCA: 0x116,
  QUERY_VHCA_MIGRATION_STATE: 0x117,
  SAVE_VHCA_STATE: 0x118,
  LOAD_VHCA_STATE: 0x119,
  CREATE_MKEY: 0x200,
  DESTROY_MKEY: 0x202,
  CREATE_CQ: 0x400,
  DESTROY_CQ: 0x401,
  CREATE_QP: 0x500,
  DESTROY_QP: 0x501,
  RST2INIT_QP: 0x502,
  INIT2RTR_QP: 0x503,
  RTR2RTS_QP: 0x504,
  ALLOC_PD: 0x800,
  DEALLOC_PD: 0x801,
  CREATE_GENERAL_OBJECT: 0xa00,
  MODIFY_GENERAL_OBJECT: 0xa01,
  QUERY_GENERAL_OBJECT: 0xa02,
  DESTROY_GENERAL_OBJECT: 0xa03,
} as const;

/** Bytes of a command without a body of its own, in and out. */
export const PLAIN = 16;

/** Writes a 64-bit address or length below 2^53. */
export function setAddress(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value >>> 0);
}

/** What a command came back with. */
export interface CommandOutput {
  /** The firmware's status byte; 0 is success. */
  readonly status: number;
  /** 0, or the negated errno the status (or a failed delivery) becomes. */
  readonly errno: number;
  readonly view: DataView;
}

/** Reads the outcome from output bytes. */
export function outputOf(view: DataView): CommandOutput {
  const status = view.getUint8(0x00);
  return { status, errno: statusErrno(status), view };
}

/** For commands that answer nothing else: 0, or a negated errno. */
export const errnoOf = ({ errno }: CommandOutput): number => errno;

/** For commands that make an object: its 24-bit number, or a negated errno. */
export const numberOf = ({ errno, view }: CommandOutput): number =>
  errno < 0 ? errno : view.getUint32(0x08) & 0xff_ffff;
