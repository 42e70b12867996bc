/** QUERY_VHCA_MIGRATION_STATE and SAVE_VHCA_STATE: how large the image is, and writing it into the PF driver's memory. */
import type { CommandKind, Outcome } from '../command.ts';
import type { Firmware } from '../firmware.ts';
import { REFUSAL } from '../refusal.ts';
import { partSize, prepareSave, totalSize } from '../save-stream.ts';
import { getU64, setU64 } from '../u64.ts';
import type { Vhca } from '../vhca.ts';
import { namedVhca } from './named-vhca.ts';
import { CMD_OP } from './opcodes.ts';

/** incremental in bit 31 of the word at 0x08, chunk in 30. */
export const QUERY_IN = { FLAGS: 0x08, VHCA_ID: 0x0a, SIZE: 0x10 } as const;
/** migration_state in 31:28 of the word at 0x0c. */
export const QUERY_OUT = {
  MIGRATION_STATE: 0x0c,
  REQUIRED_UMEM_SIZE: 0x10,
  REMAINING_TOTAL_SIZE: 0x18,
  SIZE: 0x40,
} as const;
/** incremental in bit 31 of the word at 0x08, set_track in 30. */
export const SAVE_IN = { FLAGS: 0x08, VHCA_ID: 0x0a, VA: 0x10, MKEY: 0x18, BYTES: 0x1c, SIZE: 0x20 } as const;
export const SAVE_OUT = { ACTUAL_IMAGE_SIZE: 0x08, NEXT_REQUIRED_UMEM_SIZE: 0x0c, SIZE: 0x10 } as const;
export const INCREMENTAL = 0x8000_0000;
export const CHUNK = 0x4000_0000;
export const SET_TRACK = 0x4000_0000;

export const MIGRATION_STATE = { UNINITIALIZED: 0, IDLE: 1, READY: 2, DIRTY: 3, INIT: 4 } as const;

/** INIT: queues were set up since the last save, so that what follows is worth as much as the initial data. */
function migrationState(vhca: Vhca): number {
  const { changes } = vhca.vf.state;
  if (changes === undefined) return MIGRATION_STATE.IDLE;
  if (changes.setup) return MIGRATION_STATE.INIT;
  return changes.registers || changes.pages.size > 0 ? MIGRATION_STATE.DIRTY : MIGRATION_STATE.READY;
}

/** The second half of a save: the image as the device is now, into the mkey. */
function finishSave(firmware: Firmware, vhca: Vhca, save: SaveArguments): Outcome {
  vhca.saving = false;
  save.release();
  if (vhca.generation !== save.generation) return REFUSAL.SAVE_RESET;
  if (!firmware.present(vhca)) return REFUSAL.SAVE_RESET;
  const prepared = prepareSave(
    vhca,
    save.incremental,
    save.track,
    save.room,
    firmware.settings.capabilities.migration_in_chunks,
  );
  if ('status' in prepared) return prepared;
  if (!save.write(prepared.bytes)) return REFUSAL.BAD_MEMORY;
  prepared.commit();
  vhca.saved();
  firmware.touchVhca(vhca, 'save');
  save.out.setUint32(SAVE_OUT.ACTUAL_IMAGE_SIZE, prepared.bytes.length);
  save.out.setUint32(SAVE_OUT.NEXT_REQUIRED_UMEM_SIZE, prepared.nextRequired);
  return undefined;
}

interface SaveArguments {
  readonly incremental: boolean;
  readonly track: boolean;
  readonly room: number;
  readonly generation: number;
  readonly out: DataView;
  write(image: Uint8Array): boolean;
  release(): void;
}

export const SAVE_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.QUERY_VHCA_MIGRATION_STATE,
    name: 'QUERY_VHCA_MIGRATION_STATE',
    inlen: QUERY_IN.SIZE,
    outlen: QUERY_OUT.SIZE,
    run(firmware, command) {
      const vhca = namedVhca(firmware, command, QUERY_IN.VHCA_ID);
      if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
      const flags = command.in.getUint32(QUERY_IN.FLAGS);
      const incremental = (flags & INCREMENTAL) !== 0;
      const chunk = (flags & CHUNK) !== 0;
      const { capabilities } = firmware.settings;
      if (chunk && !capabilities.migration_in_chunks) return REFUSAL.UNSUPPORTED;
      const refusal = vhca.checkQuery(incremental);
      if (refusal !== undefined) return refusal;
      const total = totalSize(vhca, incremental);
      if (capabilities.migration_state)
        command.out.setUint32(QUERY_OUT.MIGRATION_STATE, (migrationState(vhca) << 28) >>> 0);
      command.out.setUint32(QUERY_OUT.REQUIRED_UMEM_SIZE, chunk ? partSize(total) : total);
      setU64(command.out, QUERY_OUT.REMAINING_TOTAL_SIZE, total);
      return undefined;
    },
  },
  {
    opcode: CMD_OP.SAVE_VHCA_STATE,
    name: 'SAVE_VHCA_STATE',
    inlen: SAVE_IN.SIZE,
    outlen: SAVE_OUT.SIZE,
    slow: true,
    run(firmware, command) {
      const vhca = namedVhca(firmware, command, SAVE_IN.VHCA_ID);
      if (vhca === undefined) return REFUSAL.UNKNOWN_VHCA;
      const flags = command.in.getUint32(SAVE_IN.FLAGS);
      const incremental = (flags & INCREMENTAL) !== 0;
      const track = (flags & SET_TRACK) !== 0;
      const refusal = vhca.checkSave(incremental, track);
      if (refusal !== undefined) return refusal;
      const room = command.in.getUint32(SAVE_IN.BYTES);
      const va = getU64(command.in, SAVE_IN.VA);
      const mkey = firmware.mkey(command.in.getUint32(SAVE_IN.MKEY));
      // Giving up tracking needs no memory; anything else does.
      if (mkey === undefined && room > 0) return REFUSAL.UNKNOWN_MKEY;
      if (mkey !== undefined && !mkey.covers(va, room)) return REFUSAL.OUTSIDE_MKEY;
      if (mkey !== undefined && !mkey.access.localWrite) return REFUSAL.MKEY_ACCESS;
      if (track && !incremental && firmware.savesTracked() >= firmware.settings.limits.savesTracked)
        return REFUSAL.NO_TRACKING_CONTEXT;
      vhca.saving = true;
      if (mkey !== undefined) mkey.users++;
      const save: SaveArguments = {
        incremental,
        track,
        room,
        generation: vhca.generation,
        out: command.out,
        write: (image) => mkey === undefined || mkey.transfer(firmware.ports.dma, va, image, true),
        release: () => {
          if (mkey !== undefined) mkey.users--;
        },
      };
      return { delay: firmware.settings.saveDelay, finish: () => finishSave(firmware, vhca, save) };
    },
  },
];
