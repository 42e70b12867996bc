/** Codes a command comes back with (mlx5 PRM, "Command Return Status"; include/linux/mlx5/device.h, cmd.c). */

/** First byte of the output. */
export const STATUS = {
  OK: 0x00,
  INT_ERR: 0x01,
  BAD_OP_ERR: 0x02,
  BAD_PARAM_ERR: 0x03,
  BAD_SYS_STATE_ERR: 0x04,
  BAD_RES_ERR: 0x05,
  RES_BUSY: 0x06,
  LIM_ERR: 0x08,
  BAD_RES_STATE_ERR: 0x09,
  IX_ERR: 0x0a,
  NO_RES_ERR: 0x0f,
  BAD_QP_STATE_ERR: 0x10,
  BAD_PKT_ERR: 0x30,
  BAD_SIZE_OUTS_CQES_ERR: 0x40,
  BAD_INP_LEN_ERR: 0x50,
  BAD_OUTP_LEN_ERR: 0x51,
} as const;

/** Bits 7:1 of an entry's status_own byte: the entry itself could not be carried out. */
export const DELIVERY = {
  OK: 0x00,
  FW_ERR: 0x06,
  IN_LENGTH_ERR: 0x07,
  OUT_LENGTH_ERR: 0x08,
  CMD_DESCR_ERR: 0x10,
} as const;
