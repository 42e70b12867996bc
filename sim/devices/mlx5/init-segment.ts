/** The PF's BAR0: initialization segment (mlx5 PRM; include/linux/mlx5/device.h: mlx5_init_seg). Registers are big-endian. */
export const ISEG = {
  /** Minor revision 31:16, major 15:0. */
  FW_REV: 0x0000,
  /** Command interface revision 31:16, sub-minor 15:0. */
  CMDIF_REV_FW_SUB: 0x0004,
  CMDQ_ADDR_H: 0x0010,
  /** Address 31:12; read: log2 of entries in 7:4 and of the entry stride in 3:0. */
  CMDQ_ADDR_L_SZ: 0x0014,
  /** Bit n: entry n is the hardware's. */
  CMD_DBELL: 0x0018,
  /** Bit 31: still initializing. */
  INITIALIZING: 0x01fc,
  /**
   * Not in the PRM: stands in for the event queue. Reading takes the oldest event off: type 31:24, number 23:0; 0: none.
   */
  ASYNC_EVENT: 0x1000,
} as const;

export const FW_REV = (43 << 16) | 28;
export const CMDIF_REV_FW_SUB = (5 << 16) | 1014;
/** 32 entries of 64 bytes. */
export const CMDQ = { LOG_SIZE: 5, LOG_STRIDE: 6 } as const;

/** MSI-X vectors of the PF: commands, asynchronous events; completion queues name theirs. */
export const PF_VECTOR = { COMMAND: 0, EVENT: 1 } as const;
export const PF_VECTORS = 16;

/** Event types (mlx5 PRM, "Events"). */
export const EVENT = { CQ_ERROR: 0x04, OBJECT_CHANGE: 0x27 } as const;
