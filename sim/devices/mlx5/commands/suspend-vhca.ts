/** SUSPEND_VHCA and RESUME_VHCA. Their op_mods count in opposite directions: what is stopped last starts first. */
import type { CommandKind } from '../command.ts';
import { REFUSAL } from '../refusal.ts';
import type { Side } from '../vhca.ts';
import { namedVhca } from './named-vhca.ts';
import { CMD_OP } from './opcodes.ts';

export const SUSPEND_RESUME_IN = { VHCA_ID: 0x0a, SIZE: 0x10 } as const;
export const SUSPEND_OP_MOD: readonly Side[] = ['initiator', 'responder'];
export const RESUME_OP_MOD: readonly Side[] = ['responder', 'initiator'];

export const SUSPEND_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.SUSPEND_VHCA,
    name: 'SUSPEND_VHCA',
    inlen: SUSPEND_RESUME_IN.SIZE,
    outlen: 0x10,
    opMods: 1,
    run(firmware, command) {
      const vhca = namedVhca(firmware, command, SUSPEND_RESUME_IN.VHCA_ID);
      if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
      const side = SUSPEND_OP_MOD[command.opMod]!;
      const refusal = vhca.checkSuspend(side);
      if (refusal !== undefined) return refusal;
      vhca.suspend(side);
      firmware.touchVhca(vhca, `suspend ${side}`);
      return undefined;
    },
  },
  {
    opcode: CMD_OP.RESUME_VHCA,
    name: 'RESUME_VHCA',
    inlen: SUSPEND_RESUME_IN.SIZE,
    outlen: 0x10,
    opMods: 1,
    run(firmware, command) {
      const vhca = namedVhca(firmware, command, SUSPEND_RESUME_IN.VHCA_ID);
      if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
      const side = RESUME_OP_MOD[command.opMod]!;
      const refusal = vhca.checkResume(side);
      if (refusal !== undefined) return refusal;
      vhca.resume(side);
      firmware.touchVhca(vhca, `resume ${side}`);
      return undefined;
    },
  },
];
