/** CREATE_MKEY and DESTROY_MKEY (include/linux/mlx5/mlx5_ifc.h: mkc, create_mkey_in): keys over lists of pages. */
import type { CommandKind } from '../command.ts';
import { Mkey } from '../mkey.ts';
import { REFUSAL } from '../refusal.ts';
import { addressable, getU64 } from '../u64.ts';
import { CMD_OP } from './opcodes.ts';
import { readPages } from './page-list.ts';

const MKC = 0x10;
export const CREATE_MKEY_IN = {
  /** access_mode_1_0 9:8, lr 10, lw 11, rr 12, rw 13. */
  ACCESS: MKC + 0x00,
  /** qpn 31:8, mkey_7_0 7:0. */
  QPN_MKEY: MKC + 0x04,
  /** pd 23:0. */
  PD: MKC + 0x0c,
  START_ADDR: MKC + 0x10,
  LEN: MKC + 0x18,
  TRANSLATIONS_OCTWORD_SIZE: MKC + 0x34,
  /** 4:0. */
  LOG_PAGE_SIZE: MKC + 0x38,
  /** Pairs of page addresses in the list. */
  TRANSLATIONS_OCTWORD_ACTUAL_SIZE: 0x60,
  KLM_PAS_MTT: 0x110,
} as const;
export const MKEY_ACCESS = { MTT: 1 << 8, LR: 1 << 10, LW: 1 << 11, RR: 1 << 12, RW: 1 << 13 } as const;
const ACCESS_MODE = 3 << 8;
export const CREATE_MKEY_OUT = { MKEY_INDEX: 0x08, SIZE: 0x10 } as const;
export const DESTROY_MKEY_IN = { MKEY_INDEX: 0x08, SIZE: 0x10 } as const;

export const MKEY_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.CREATE_MKEY,
    name: 'CREATE_MKEY',
    inlen: CREATE_MKEY_IN.KLM_PAS_MTT,
    outlen: CREATE_MKEY_OUT.SIZE,
    run(firmware, command) {
      const { objects } = firmware;
      const flags = command.in.getUint32(CREATE_MKEY_IN.ACCESS);
      if ((flags & ACCESS_MODE) !== MKEY_ACCESS.MTT) return REFUSAL.BAD_CONTEXT;
      const pd = objects.pd.get(command.in.getUint32(CREATE_MKEY_IN.PD) & 0xff_ffff);
      if (pd === undefined) return REFUSAL.UNKNOWN_PD;
      const start = getU64(command.in, CREATE_MKEY_IN.START_ADDR);
      const length = getU64(command.in, CREATE_MKEY_IN.LEN);
      const logPage = command.in.getUint32(CREATE_MKEY_IN.LOG_PAGE_SIZE) & 0x1f;
      if (length === 0 || !addressable(start, length)) return REFUSAL.BAD_CONTEXT;
      const count = Math.ceil(length / 2 ** logPage);
      if (command.in.getUint32(CREATE_MKEY_IN.TRANSLATIONS_OCTWORD_ACTUAL_SIZE) * 2 < count) return REFUSAL.BAD_CONTEXT;
      const pages = readPages(command, count, logPage);
      if (pages === undefined) return REFUSAL.BAD_CONTEXT;
      if (objects.mkey.full) return REFUSAL.LIMIT;
      const variant = command.in.getUint32(CREATE_MKEY_IN.QPN_MKEY) & 0xff;
      const access = { localRead: (flags & MKEY_ACCESS.LR) !== 0, localWrite: (flags & MKEY_ACCESS.LW) !== 0 };
      const mkey = objects.mkey.add(
        (index) => new Mkey(((index << 8) | variant) >>> 0, pd.number, { start, length }, access, pages),
      );
      pd.users++;
      command.out.setUint32(CREATE_MKEY_OUT.MKEY_INDEX, mkey.key >>> 8);
      firmware.touch('create mkey');
      return undefined;
    },
  },
  {
    opcode: CMD_OP.DESTROY_MKEY,
    name: 'DESTROY_MKEY',
    inlen: DESTROY_MKEY_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const { objects } = firmware;
      const index = command.in.getUint32(DESTROY_MKEY_IN.MKEY_INDEX) & 0xff_ffff;
      const mkey = objects.mkey.get(index);
      if (mkey === undefined) return REFUSAL.UNKNOWN_MKEY;
      if (mkey.users > 0) return REFUSAL.IN_USE;
      objects.mkey.remove(index);
      objects.pd.get(mkey.pd)!.users--;
      firmware.touch('destroy mkey');
      return undefined;
    },
  },
];
