/** Shapes of the permission tables. */
import type { ConfigHandler } from './handler.ts';

/**
 * A register: offset from the capability's start, width in bytes, the bits that live in the shadow, and the bits a user
 * may write. A bit that is writable and not virtual goes to hardware; one that is neither reads from hardware.
 */
export interface PermissionRow {
  readonly name: string;
  readonly at: number;
  readonly width: 1 | 2 | 4;
  readonly virt: number;
  readonly write: number;
}

/** Reads the function's own bytes while a capability is measured; `at` counts from the capability's start. */
export type Measure = (at: number, width: 1 | 2 | 4) => number;

/** One capability: how long, and what each register permits. Length 0 hides it. */
export interface CapabilityRow {
  readonly name: string;
  readonly length: number | ((read: Measure) => number);
  readonly handler: ConfigHandler;
  readonly registers?: readonly PermissionRow[] | ((read: Measure) => readonly PermissionRow[]);
}

/** All bits of a dword. */
export const ALL = 0xffff_ffff;

/** The list pointer of a standard capability: shown from the shadow, never writable. */
export const NEXT: PermissionRow = { name: 'NEXT', at: 1, width: 1, virt: 0xff, write: 0 };
/** The header dword of an extended capability: likewise. */
export const EXT_HEADER: PermissionRow = { name: 'HEADER', at: 0, width: 4, virt: ALL, write: 0 };
