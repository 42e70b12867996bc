/** QUERY_HCA_CAP: what the card, or one of its VFs, can do (include/linux/mlx5/mlx5_ifc.h: cmd_hca_cap and following). */
import type { CommandKind } from '../command.ts';
import type { Firmware } from '../firmware.ts';
import type { Capabilities } from '../options.ts';
import { REFUSAL } from '../refusal.ts';
import type { Vhca } from '../vhca.ts';
import { CMD_OP } from './opcodes.ts';

/** other_function in bit 31, function_id in 15:0. */
export const QUERY_HCA_CAP_IN = { FUNCTION: 0x08, SIZE: 0x10 } as const;
export const QUERY_HCA_CAP_OUT = { CAPABILITY: 0x10, SIZE: 0x1010 } as const;
const OTHER_FUNCTION = 0x8000_0000;

/** op_mod is the type in 15:1, and 1 for current values, 0 for the largest possible. They are the same here. */
export const CAP_TYPE = { GENERAL: 0x00, GENERAL_2: 0x20, ADV_VIRTUALIZATION: 0x26 } as const;

/** Bit numbers as the PRM counts: 0 is the top bit of the first byte. */
export const CAP_BIT = { vhca_id: 0x30, adv_virtualization: 0x579, migration: 0x68d } as const;
export const CAP2_BIT = {
  migratable: 0x80,
  migration_multi_load: 0xc8,
  migration_tracking_state: 0xc9,
  migration_in_chunks: 0xd0,
  migration_state: 0xd9,
} as const;
/** What page trackers can be asked for; log2 where it says so. */
export const TRACK_CAP = {
  log_max_num: 3,
  max_num_range: 8,
  log_min_addr_space: 12,
  log_max_addr_space: 42,
  log_min_msg: 12,
  log_min_page: 12,
  log_max_page: 30,
} as const;
/** vhca_id of the PF itself. */
export const PF_VHCA = 0x01;

type Fill = (out: DataView, firmware: Firmware, vhca: Vhca | undefined) => void;

const FILL: Readonly<Record<number, Fill>> = {
  [CAP_TYPE.GENERAL](out, firmware, vhca) {
    out.setUint16(QUERY_HCA_CAP_OUT.CAPABILITY + (CAP_BIT.vhca_id >> 3), vhca?.id ?? PF_VHCA);
    if (vhca === undefined) setBits(out, CAP_BIT, firmware.settings.capabilities, ['adv_virtualization', 'migration']);
  },
  [CAP_TYPE.GENERAL_2](out, firmware, vhca) {
    const { capabilities } = firmware.settings;
    if (vhca !== undefined) setBits(out, CAP2_BIT, capabilities, ['migratable']);
    else
      setBits(out, CAP2_BIT, capabilities, [
        'migration_multi_load',
        'migration_tracking_state',
        'migration_in_chunks',
        'migration_state',
      ]);
  },
  [CAP_TYPE.ADV_VIRTUALIZATION](out, firmware, vhca) {
    if (vhca !== undefined || !firmware.settings.capabilities.adv_virtualization) return;
    const c = TRACK_CAP;
    const addresses = (c.log_min_addr_space << 8) | c.log_max_addr_space;
    out.setUint32(QUERY_HCA_CAP_OUT.CAPABILITY, (c.log_max_num << 24) | (c.max_num_range << 16) | addresses);
    const pages = (c.log_min_page << 8) | c.log_max_page;
    out.setUint32(
      QUERY_HCA_CAP_OUT.CAPABILITY + 4,
      (c.log_min_msg << 24) | (firmware.settings.logMaxMessage << 16) | pages,
    );
  },
};

function setBits<K extends keyof Capabilities>(
  out: DataView,
  bits: Readonly<Record<K, number>>,
  capabilities: Capabilities,
  names: readonly K[],
): void {
  for (const name of names) {
    if (!capabilities[name]) continue;
    const at = QUERY_HCA_CAP_OUT.CAPABILITY + (bits[name] >> 3);
    out.setUint8(at, out.getUint8(at) | (0x80 >> (bits[name] & 7)));
  }
}

export const HCA_CAP_COMMANDS: readonly CommandKind[] = [
  {
    opcode: CMD_OP.QUERY_HCA_CAP,
    name: 'QUERY_HCA_CAP',
    inlen: QUERY_HCA_CAP_IN.SIZE,
    outlen: QUERY_HCA_CAP_OUT.SIZE,
    opMods: 0xffff,
    run(firmware, command) {
      const fill = FILL[command.opMod >> 1];
      if (fill === undefined) return REFUSAL.UNKNOWN_OP_MOD;
      const word = command.in.getUint32(QUERY_HCA_CAP_IN.FUNCTION);
      const functionId = word & 0xffff;
      const other = (word & OTHER_FUNCTION) !== 0 && functionId !== 0;
      const vhca = other ? firmware.vhcaByFunction(functionId) : undefined;
      if (other && vhca === undefined) return REFUSAL.UNKNOWN_FUNCTION;
      fill(command.out, firmware, vhca);
      return undefined;
    },
  },
];
