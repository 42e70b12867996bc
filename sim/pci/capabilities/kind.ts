/** What a capability is to the hardware: its bytes at reset, and which of them can be written. */

/** A register inside a capability. Masks are over the register's width; bits in neither mask are read-only. */
export interface Register {
  readonly name: string;
  /** Byte offset from the start of the capability. */
  readonly at: number;
  /** Width in bytes. */
  readonly width: 1 | 2 | 4;
  /** How many like this stand in a row; 1 if not given. */
  readonly count?: number;
  /** Bits software can set and clear. */
  readonly rw?: number;
  /** Bits cleared by writing one. */
  readonly rw1c?: number;
  /** Bits that a reset leaves alone: ROS, RWS and RW1CS (PCIe 7.4). */
  readonly sticky?: number;
}

/** A capability kind. `registers` may depend on the bytes (64-bit MSI, egress vectors). */
export interface CapabilityKind {
  readonly name: string;
  readonly id: number;
  readonly extended: boolean;
  /** Version field of an extended header (7.6.3). */
  readonly version?: number;
  /** Length in bytes, from the capability's own bytes. */
  size(bytes: DataView): number;
  registers(bytes: DataView): readonly Register[];
}

/** A capability kind of fixed length and fixed registers. */
export function fixed(kind: {
  name: string;
  id: number;
  extended?: boolean;
  version?: number;
  size: number;
  registers?: readonly Register[];
}): CapabilityKind {
  const registers = kind.registers ?? [];
  return {
    name: kind.name,
    id: kind.id,
    extended: kind.extended ?? false,
    version: kind.version ?? 1,
    size: () => kind.size,
    registers: () => registers,
  };
}
