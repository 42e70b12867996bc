/** Capabilities of the card as QUERY_HCA_CAP reports them. Bit n counts from the most significant bit (mlx5_ifc.h). */
import type { Task } from '../../../src/kernel/sleep.ts';
import { type CommandOutput, OPCODE } from './command.ts';
import type { CommandQueue } from './command-queue.ts';

/** Capability groups (mlx5_ifc.h: MLX5_SET_HCA_CAP_OP_MOD_*). */
const GROUP = { GENERAL: 0x00, GENERAL_2: 0x20, ADV_VIRTUALIZATION: 0x26 } as const;
/** HCA_CAP_OPMOD_GET_CUR */
const CURRENT = 1;
const OUT_LENGTH = 0x10 + 0x1000;
const CAPABILITY = 0x10;

/** Bits of cmd_hca_cap and cmd_hca_cap_2. */
const BIT = {
  VHCA_ID: 0x30,
  ADV_VIRTUALIZATION: 0x579,
  MIGRATION: 0x68d,
  MIGRATABLE: 0x80,
  MIGRATION_MULTI_LOAD: 0xc8,
  MIGRATION_TRACKING_STATE: 0xc9,
  MIGRATION_IN_CHUNKS: 0xd0,
  MIGRATION_STATE: 0xd9,
} as const;

/** Limits of the page tracker; logarithms to base 2. */
export interface TrackerLimits {
  readonly logMaxTrackers: number;
  readonly maxRanges: number;
  readonly logMinAddressSpace: number;
  readonly logMaxAddressSpace: number;
  readonly logMinMessage: number;
  readonly logMaxMessage: number;
  readonly logMinPage: number;
  readonly logMaxPage: number;
}

/** What the PF can do for its VFs. */
export interface HcaCapabilities {
  readonly migration: boolean;
  readonly migrationMultiLoad: boolean;
  readonly migrationTrackingState: boolean;
  readonly migrationInChunks: boolean;
  readonly migrationState: boolean;
  /** Undefined: the card cannot track pages. */
  readonly tracker: TrackerLimits | undefined;
}

/** What is known of a VF. */
export interface VhcaIdentity {
  readonly vhcaId: number;
  readonly migratable: boolean;
}

/** Reads the PF's own capabilities, or a negated errno. */
export function* queryHcaCapabilities(queue: CommandQueue): Task<HcaCapabilities | number> {
  const general = yield* queryGroup(queue, GROUP.GENERAL, undefined);
  if (typeof general === 'number') return general;
  const general2 = yield* queryGroup(queue, GROUP.GENERAL_2, undefined);
  if (typeof general2 === 'number') return general2;
  let tracker: TrackerLimits | undefined;
  if (bit(general, BIT.ADV_VIRTUALIZATION)) {
    const adv = yield* queryGroup(queue, GROUP.ADV_VIRTUALIZATION, undefined);
    if (typeof adv === 'number') return adv;
    tracker = trackerLimits(adv);
  }
  return {
    migration: bit(general, BIT.MIGRATION),
    migrationMultiLoad: bit(general2, BIT.MIGRATION_MULTI_LOAD),
    migrationTrackingState: bit(general2, BIT.MIGRATION_TRACKING_STATE),
    migrationInChunks: bit(general2, BIT.MIGRATION_IN_CHUNKS),
    migrationState: bit(general2, BIT.MIGRATION_STATE),
    tracker,
  };
}

/** Reads the identity of another function of the card: VF n is function n + 1. */
export function* queryVhca(queue: CommandQueue, functionId: number): Task<VhcaIdentity | number> {
  const general2 = yield* queryGroup(queue, GROUP.GENERAL_2, functionId);
  if (typeof general2 === 'number') return general2;
  const general = yield* queryGroup(queue, GROUP.GENERAL, functionId);
  if (typeof general === 'number') return general;
  return { vhcaId: general.getUint16(BIT.VHCA_ID / 8), migratable: bit(general2, BIT.MIGRATABLE) };
}

function queryGroup(queue: CommandQueue, group: number, functionId: number | undefined): Task<DataView | number> {
  const input = queue.input(OPCODE.QUERY_HCA_CAP, 16, (group << 1) | CURRENT);
  if (functionId !== undefined) input.setUint32(0x08, (0x8000_0000 | functionId) >>> 0);
  return queue.execute(input, OUT_LENGTH, capabilityOf);
}

/** These answers are long, and so nobody else's. */
function capabilityOf({ errno, view }: CommandOutput): DataView | number {
  return errno < 0 ? errno : new DataView(view.buffer, view.byteOffset + CAPABILITY, view.byteLength - CAPABILITY);
}

function bit(view: DataView, index: number): boolean {
  return (view.getUint8(index >>> 3) & (0x80 >>> (index & 7))) !== 0;
}

function trackerLimits(view: DataView): TrackerLimits {
  const spaces = view.getUint32(0x00);
  const messages = view.getUint32(0x04);
  return {
    logMaxTrackers: (spaces >>> 24) & 0x1f,
    maxRanges: (spaces >>> 16) & 0xff,
    logMinAddressSpace: (spaces >>> 8) & 0xff,
    logMaxAddressSpace: spaces & 0xff,
    logMinMessage: (messages >>> 24) & 0x1f,
    logMaxMessage: (messages >>> 16) & 0x1f,
    logMinPage: (messages >>> 8) & 0x1f,
    logMaxPage: messages & 0x1f,
  };
}
