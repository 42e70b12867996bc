/** CREATE_QP, DESTROY_QP and the way from RST to RTS (include/linux/mlx5/mlx5_ifc.h: qpc, create_qp_in). */
import type { Command, CommandKind, Outcome } from '../command.ts';
import type { Firmware } from '../firmware.ts';
import { type QpState, QueuePair } from '../queue-pair.ts';
import { REFUSAL } from '../refusal.ts';
import { addressable, getU64 } from '../u64.ts';
import { CMD_OP } from './opcodes.ts';
import { PAS_AT, readPages } from './page-list.ts';

const QPC = 0x18;
export const CREATE_QP_IN = {
  /** pd 23:0. */
  PD: QPC + 0x04,
  /** log_rq_size 22:19, log_rq_stride 18:16 (less 4). */
  RQ: QPC + 0x08,
  /** log_page_size 28:24, less 12. */
  LOG_PAGE_SIZE: QPC + 0x14,
  CQN_SND: QPC + 0x7c,
  CQN_RCV: QPC + 0x9c,
  DBR_ADDR: QPC + 0xa0,
  /** rq_type 26:24. */
  RQ_TYPE: QPC + 0xac,
  PAS: PAS_AT,
} as const;
/** rq_type: the queue pair only sends. */
export const ZERO_LEN_RQ = 3;
export const CREATE_QP_OUT = { QPN: 0x08, SIZE: 0x10 } as const;
export const DESTROY_QP_IN = { QPN: 0x08, SIZE: 0x10 } as const;
/** Input of the three transitions; the context follows, of which the peer's number is looked at. */
export const MODIFY_QP_IN = { QPN: 0x08, REMOTE_QPN: QPC + 0x14, SIZE: 0x100 } as const;

function transition(opcode: number, name: string, from: QpState, to: QpState): CommandKind {
  return {
    opcode,
    name,
    inlen: MODIFY_QP_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const qp = firmware.objects.qp.get(command.in.getUint32(MODIFY_QP_IN.QPN) & 0xff_ffff);
      if (qp === undefined) return REFUSAL.UNKNOWN_QP;
      if (qp.state !== from) return REFUSAL.QP_STATE;
      if (to === 'RTR') {
        const remote = command.in.getUint32(MODIFY_QP_IN.REMOTE_QPN) & 0xff_ffff;
        if (firmware.objects.qp.get(remote) === undefined) return REFUSAL.UNKNOWN_QP;
        qp.remote = remote;
      }
      qp.state = to;
      firmware.touch(`qp ${to}`);
      return undefined;
    },
  };
}

function create(firmware: Firmware, command: Command): Outcome {
  const { objects } = firmware;
  const word = (at: number): number => command.in.getUint32(at);
  const pd = objects.pd.get(word(CREATE_QP_IN.PD) & 0xff_ffff);
  if (pd === undefined) return REFUSAL.UNKNOWN_PD;
  const cq = objects.cq.get(word(CREATE_QP_IN.CQN_RCV) & 0xff_ffff);
  if (cq === undefined) return REFUSAL.UNKNOWN_CQ;
  const rq = word(CREATE_QP_IN.RQ);
  const logSize = (rq >>> 19) & 0xf;
  const stride = 16 << ((rq >>> 16) & 0x7);
  const logPage = 12 + ((word(CREATE_QP_IN.LOG_PAGE_SIZE) >>> 24) & 0x1f);
  const record = getU64(command.in, CREATE_QP_IN.DBR_ADDR);
  const receives = ((word(CREATE_QP_IN.RQ_TYPE) >>> 24) & 0x7) !== ZERO_LEN_RQ;
  const pages = readPages(command, receives ? Math.ceil((stride << logSize) / 2 ** logPage) : 0, logPage);
  if (pages === undefined || !addressable(record, 8)) return REFUSAL.BAD_CONTEXT;
  if (objects.qp.full) return REFUSAL.LIMIT;
  const layout = { pd: pd.number, logSize, stride, pages, record };
  const qp = objects.qp.add((number) => new QueuePair(number, layout, cq));
  pd.users++;
  cq.users++;
  command.out.setUint32(CREATE_QP_OUT.QPN, qp.number);
  firmware.touch('create qp');
  return undefined;
}

export const QP_COMMANDS: readonly CommandKind[] = [
  { opcode: CMD_OP.CREATE_QP, name: 'CREATE_QP', inlen: CREATE_QP_IN.PAS, outlen: CREATE_QP_OUT.SIZE, run: create },
  {
    opcode: CMD_OP.DESTROY_QP,
    name: 'DESTROY_QP',
    inlen: DESTROY_QP_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const { objects } = firmware;
      const number = command.in.getUint32(DESTROY_QP_IN.QPN) & 0xff_ffff;
      const qp = objects.qp.get(number);
      if (qp === undefined) return REFUSAL.UNKNOWN_QP;
      if (qp.users > 0) return REFUSAL.IN_USE;
      objects.qp.remove(number);
      objects.pd.get(qp.layout.pd)!.users--;
      qp.cq.users--;
      firmware.touch('destroy qp');
      return undefined;
    },
  },
  transition(CMD_OP.RST2INIT_QP, 'RST2INIT_QP', 'RST', 'INIT'),
  transition(CMD_OP.INIT2RTR_QP, 'INIT2RTR_QP', 'INIT', 'RTR'),
  transition(CMD_OP.RTR2RTS_QP, 'RTR2RTS_QP', 'RTR', 'RTS'),
];
