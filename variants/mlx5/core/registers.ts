/** Where the PF driver meets the card: initialization segment in BAR0, and command queue entries (mlx5 PRM). */

/** Registers in BAR0 (include/linux/mlx5/device.h: mlx5_init_seg). Big-endian. */
export const ISEG = {
  CMDQ_ADDR_H: 0x0010,
  /** Address 31:12; read: log2 of entries in 7:4, of the entry stride in 3:0. */
  CMDQ_ADDR_L_SZ: 0x0014,
  /** Bit n gives entry n to the hardware. */
  CMD_DBELL: 0x0018,
  /** Bit 31: the firmware is still starting. */
  INITIALIZING: 0x01fc,
  /** The card's stand-in for an event queue: reading takes the oldest event; type 31:24, number 23:0; 0: none. */
  ASYNC_EVENT: 0x1000,
} as const;

/** MSI-X vectors: commands, asynchronous events, and the one completion queues are given. */
export const VECTOR = { COMMAND: 0, EVENT: 1, COMPLETION: 2 } as const;

/** A command queue entry (include/linux/mlx5/device.h: mlx5_cmd_layout), 64 bytes. */
export const ENTRY = {
  TYPE: 0x00,
  INLEN: 0x04,
  IN_PTR: 0x08,
  /** The first 16 bytes of input and output lie in the entry itself. */
  IN: 0x10,
  OUT: 0x20,
  OUT_PTR: 0x30,
  OUTLEN: 0x38,
  TOKEN: 0x3c,
  /** Bit 0: the hardware owns the entry. Bits 7:1: why it could not be carried out. */
  STATUS_OWN: 0x3f,
  SIZE: 0x40,
} as const;
/** MLX5_PCI_CMD_XPORT */
export const ENTRY_TYPE = 7;
export const INLINE = 16;

/** Event types (include/linux/mlx5/device.h: mlx5_event). */
export const EVENT = {
  CQ_ERROR: 0x04,
  WQ_CATAS_ERROR: 0x05,
  WQ_INVAL_REQ_ERROR: 0x10,
  WQ_ACCESS_ERROR: 0x11,
  OBJECT_CHANGE: 0x27,
} as const;

/** A register as the bus carries it (little-endian) and as the card means it (big-endian), either way. */
export function be32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)) >>> 0;
}
