/** LOAD_VHCA_STATE: an image out of the PF driver's memory into a stopped VHCA, whole or not at all. */
import { zeroedBytes } from '../../../bytes.ts';
import type { CommandKind } from '../command.ts';
import { IMAGE } from '../image.ts';
import { announcedLength, largestImage } from '../image-decode.ts';
import { REFUSAL } from '../refusal.ts';
import { getU64 } from '../u64.ts';
import { namedVhca } from './named-vhca.ts';
import { CMD_OP } from './opcodes.ts';

export const LOAD_IN = { VHCA_ID: 0x0a, VA: 0x10, MKEY: 0x18, BYTES: 0x1c, SIZE: 0x20 } as const;

export const LOAD_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.LOAD_VHCA_STATE,
    name: 'LOAD_VHCA_STATE',
    inlen: LOAD_IN.SIZE,
    outlen: 0x10,
    run(firmware, command) {
      const vhca = namedVhca(firmware, command, LOAD_IN.VHCA_ID);
      if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
      const refusal = vhca.checkLoad();
      if (refusal !== undefined) return refusal;
      const size = command.in.getUint32(LOAD_IN.BYTES);
      const va = getU64(command.in, LOAD_IN.VA);
      const mkey = firmware.mkey(command.in.getUint32(LOAD_IN.MKEY));
      if (mkey === undefined) return REFUSAL.UNKNOWN_MKEY;
      if (!mkey.covers(va, size)) return REFUSAL.OUTSIDE_MKEY;
      if (!mkey.access.localRead) return REFUSAL.MKEY_ACCESS;
      if (size < IMAGE.SIZE || size > largestImage(firmware.settings.icmBytes)) return REFUSAL.BAD_IMAGE;
      // The header first: what it announces decides whether the rest is worth fetching.
      const head = zeroedBytes(IMAGE.SIZE);
      const { dma } = firmware.ports;
      if (!mkey.transfer(dma, va, head, false)) return REFUSAL.BAD_MEMORY;
      if (announcedLength(head) !== size) return REFUSAL.BAD_IMAGE;
      const image = zeroedBytes(size);
      if (!mkey.transfer(dma, va, image, false)) return REFUSAL.BAD_MEMORY;
      const bad = vhca.load(image);
      if (bad === undefined) firmware.touchVhca(vhca, 'load');
      return bad;
    },
  },
];
