/** CREATE_CQ and DESTROY_CQ (include/linux/mlx5/mlx5_ifc.h: cqc, create_cq_in). Interrupts are always armed. */
import type { CommandKind } from '../command.ts';
import { CompletionQueue, CQE } from '../completion-queue.ts';
import { PF_VECTORS } from '../init-segment.ts';
import { REFUSAL } from '../refusal.ts';
import { addressable, getU64 } from '../u64.ts';
import { CMD_OP } from './opcodes.ts';
import { PAS_AT, readPages } from './page-list.ts';

const CQC = 0x10;
export const CREATE_CQ_IN = {
  /** log_cq_size 28:24. */
  LOG_CQ_SIZE: CQC + 0x0c,
  /** Event queue; here the MSI-X vector itself. */
  C_EQN: CQC + 0x14,
  /** log_page_size 28:24, less 12. */
  LOG_PAGE_SIZE: CQC + 0x18,
  DBR_ADDR: CQC + 0x38,
  PAS: PAS_AT,
} as const;
export const CREATE_CQ_OUT = { CQN: 0x08, SIZE: 0x10 } as const;
export const DESTROY_CQ_IN = { CQN: 0x08, SIZE: 0x10 } as const;
const LOG_SIZE_MAX = 16;

export const CQ_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.CREATE_CQ,
    name: 'CREATE_CQ',
    inlen: CREATE_CQ_IN.PAS + 8,
    outlen: CREATE_CQ_OUT.SIZE,
    run(firmware, command) {
      const logSize = (command.in.getUint32(CREATE_CQ_IN.LOG_CQ_SIZE) >>> 24) & 0x1f;
      const logPage = 12 + ((command.in.getUint32(CREATE_CQ_IN.LOG_PAGE_SIZE) >>> 24) & 0x1f);
      const vector = command.in.getUint32(CREATE_CQ_IN.C_EQN);
      const record = getU64(command.in, CREATE_CQ_IN.DBR_ADDR);
      if (logSize > LOG_SIZE_MAX || vector >= PF_VECTORS || !addressable(record, 8)) return REFUSAL.BAD_CONTEXT;
      const pages = readPages(command, Math.ceil((CQE.SIZE << logSize) / 2 ** logPage), logPage);
      if (pages === undefined) return REFUSAL.BAD_CONTEXT;
      if (firmware.objects.cq.full) return REFUSAL.LIMIT;
      const cq = firmware.objects.cq.add((number) => new CompletionQueue(number, logSize, pages, record, vector));
      command.out.setUint32(CREATE_CQ_OUT.CQN, cq.number);
      firmware.touch('create cq');
      return undefined;
    },
  },
  {
    opcode: CMD_OP.DESTROY_CQ,
    name: 'DESTROY_CQ',
    inlen: DESTROY_CQ_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const number = command.in.getUint32(DESTROY_CQ_IN.CQN) & 0xff_ffff;
      const cq = firmware.objects.cq.get(number);
      if (cq === undefined) return REFUSAL.UNKNOWN_CQ;
      if (cq.users > 0) return REFUSAL.IN_USE;
      firmware.objects.cq.remove(number);
      firmware.touch('destroy cq');
      return undefined;
    },
  },
];
