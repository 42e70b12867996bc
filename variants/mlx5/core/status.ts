/** What the firmware answers, and the errno it becomes (drivers/net/ethernet/mellanox/mlx5/core/cmd.c: cmd_status_to_err). */
import { ERRNO, type ErrnoName } from '../../../src/uapi/errno.ts';

/** Command return status (include/linux/mlx5/device.h: MLX5_CMD_STAT_*). */
export const CMD_STAT = {
  OK: 0x00,
  INT_ERR: 0x01,
  BAD_OP_ERR: 0x02,
  BAD_PARAM_ERR: 0x03,
  BAD_SYS_STATE_ERR: 0x04,
  BAD_RES_ERR: 0x05,
  RES_BUSY: 0x06,
  NOT_READY: 0x07,
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

/** Errno by status; what is not listed is EIO. */
export const STATUS_ERRNO: Record<number, ErrnoName> = {
  [CMD_STAT.INT_ERR]: 'EIO',
  [CMD_STAT.BAD_OP_ERR]: 'EINVAL',
  [CMD_STAT.BAD_PARAM_ERR]: 'EINVAL',
  [CMD_STAT.BAD_SYS_STATE_ERR]: 'EIO',
  [CMD_STAT.BAD_RES_ERR]: 'EINVAL',
  [CMD_STAT.RES_BUSY]: 'EBUSY',
  [CMD_STAT.NOT_READY]: 'EAGAIN',
  [CMD_STAT.LIM_ERR]: 'ENOMEM',
  [CMD_STAT.BAD_RES_STATE_ERR]: 'EINVAL',
  [CMD_STAT.IX_ERR]: 'EINVAL',
  [CMD_STAT.NO_RES_ERR]: 'EAGAIN',
  [CMD_STAT.BAD_QP_STATE_ERR]: 'EINVAL',
  [CMD_STAT.BAD_PKT_ERR]: 'EINVAL',
  [CMD_STAT.BAD_SIZE_OUTS_CQES_ERR]: 'EINVAL',
  [CMD_STAT.BAD_INP_LEN_ERR]: 'EIO',
  [CMD_STAT.BAD_OUTP_LEN_ERR]: 'EIO',
};

/** 0 for success, else the negated errno. */
export function statusErrno(status: number): number {
  return status === CMD_STAT.OK ? 0 : -ERRNO[STATUS_ERRNO[status] ?? 'EIO'];
}
