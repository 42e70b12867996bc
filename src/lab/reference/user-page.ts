/** A page of a user as the reference models see it: looked up one by one, in the process's own page tables. */
import type { AddressSpace } from '../../kernel/address-space.ts';

export interface UserPage {
  readonly physical: number;
  /** Memory, and no page of a device: it counts against the limit. */
  readonly charged: boolean;
}

/** What is at an address now; undefined: nothing, or nothing that may be written. */
export function userPage(mm: AddressSpace, address: number, write: boolean): UserPage | undefined {
  const run = mm.pin(address, 4096, write)?.[0];
  return run && { physical: run.physical, charged: run.charged };
}
