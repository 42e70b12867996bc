/** ALLOC_PD and DEALLOC_PD: numbers in 23:0 of the word at 8. */
import type { CommandKind } from '../command.ts';
import { REFUSAL } from '../refusal.ts';
import { CMD_OP } from './opcodes.ts';

export const ALLOC_PD_OUT = { PD: 0x08, SIZE: 0x10 } as const;
export const DEALLOC_PD_IN = { PD: 0x08, SIZE: 0x10 } as const;

export const PD_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.ALLOC_PD,
    name: 'ALLOC_PD',
    inlen: 0x10,
    outlen: ALLOC_PD_OUT.SIZE,
    run(firmware, command) {
      if (firmware.objects.pd.full) return REFUSAL.LIMIT;
      const pd = firmware.objects.pd.add((number) => ({ number, users: 0 }));
      command.out.setUint32(ALLOC_PD_OUT.PD, pd.number);
      firmware.touch('alloc pd');
      return undefined;
    },
  },
  {
    opcode: CMD_OP.DEALLOC_PD,
    name: 'DEALLOC_PD',
    inlen: DEALLOC_PD_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const number = command.in.getUint32(DEALLOC_PD_IN.PD) & 0xff_ffff;
      const pd = firmware.objects.pd.get(number);
      if (pd === undefined) return REFUSAL.UNKNOWN_PD;
      if (pd.users > 0) return REFUSAL.IN_USE;
      firmware.objects.pd.remove(number);
      firmware.touch('dealloc pd');
      return undefined;
    },
  },
];
