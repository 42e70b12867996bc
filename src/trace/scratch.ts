/**
 * The part of the process's memory in which the player puts structs and reads data. Behind every struct stand 64 bytes
 * of 0xa5: a call that writes too much shows there, and one that reads too much sees that they are not zero.
 */
import type { AddressSpace } from '../kernel/address-space.ts';

/** Bytes behind a struct, and their value. */
export const GUARD_LENGTH = 64;
export const GUARD_BYTE = 0xa5;
const MINIMUM = 64 * 1024;

export class Scratch {
  private readonly memory: AddressSpace;
  private address = 0;
  private size = 0;

  constructor(memory: AddressSpace) {
    this.memory = memory;
  }

  /** The address of `length` bytes of unspecified content. */
  room(length: number): number {
    if (length > this.size) {
      this.size = Math.max(length, MINIMUM);
      this.address = this.memory.allocate(this.size);
    }
    return this.address;
  }

  /** Puts bytes there, with the guard behind them, and returns their address. */
  place(bytes: Uint8Array): number {
    const all = new Uint8Array(bytes.length + GUARD_LENGTH).fill(GUARD_BYTE);
    all.set(bytes);
    const address = this.room(all.length);
    this.memory.write(address, all);
    return address;
  }

  /** The first `length` bytes. */
  read(length: number): Uint8Array {
    return this.memory.read(this.address, length) ?? new Uint8Array(length);
  }
}
