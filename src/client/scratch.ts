/** Arguments of system calls as bytes in the process's own memory, with room that is reused from call to call. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';

/** Not a value that a kernel would leave. */
const GUARD = Uint8Array.of(0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15);

/** Arguments of up to this many bytes are short. */
const SHORT = 256;

/** One piece of memory for the arguments of one call at a time. */
export class Scratch {
  readonly process: Process;
  /** Address of the scratch memory. */
  readonly address: number;
  readonly size: number;
  /** A local copy to build arguments in; `put` copies it out. Grows as needed: take it anew after `begin` and `load`. */
  bytes = zeroedBytes(SHORT);
  view = viewOf(this.bytes);
  /** The first n of these bytes, by n: the same few lengths come again and again. */
  private parts: (Uint8Array | undefined)[] = [];
  /** Where the guard bytes lie; -1: there are none. */
  private guardAt = -1;
  private readonly guarded: boolean;

  /** With `guarded`, bytes of a pattern lie behind each argument, and {@link guardHolds} tells whether they are left. */
  constructor(process: Process, size = 16384, guarded = false) {
    this.process = process;
    this.size = size;
    this.guarded = guarded;
    this.address = process.memory.allocate(size);
  }

  /** Clears `length` bytes of the local copy for a new argument. */
  begin(length: number): DataView {
    this.reserve(length);
    this.bytes.fill(0, 0, length);
    return this.view;
  }

  /** Copies bytes into the process and returns their address. */
  load(bytes: Uint8Array): number {
    this.process.memory.write(this.address, bytes);
    return this.room(bytes.length);
  }

  /** Copies the first `length` bytes into the process and returns their address. */
  put(length: number): number {
    const whole = length + GUARD.length;
    if (!this.guarded || whole > SHORT) {
      this.process.memory.write(this.address, this.part(length));
      return this.room(length);
    }
    // Mostly arguments are short: they and the guard go in one piece.
    const { bytes } = this;
    for (let i = 0; i < GUARD.length; i++) bytes[length + i] = GUARD[i]!;
    this.process.memory.write(this.address, this.part(whole));
    this.guardAt = this.address + length;
    return this.address;
  }

  /** The address of room for an answer of `length` bytes. */
  room(length: number): number {
    // An argument that fills it leaves no room for a guard.
    this.guardAt = -1;
    if (this.guarded && length + GUARD.length <= this.size) {
      this.guardAt = this.address + length;
      this.process.memory.write(this.guardAt, GUARD);
    }
    return this.address;
  }

  /** Whether nothing has been written behind the argument of the last call. */
  guardHolds(): boolean {
    if (this.guardAt < 0) return true;
    const found = this.found;
    this.process.memory.readInto(this.guardAt, found);
    for (let i = 0; i < GUARD.length; i++) if (found[i] !== GUARD[i]) return false;
    return true;
  }
  private readonly found = zeroedBytes(8);

  /** The calls that the guard was for have ended: until the next it stands behind nothing. */
  leaveGuard(): void {
    this.guardAt = -1;
  }

  /** Reads back what the kernel left there. */
  take(length: number): DataView {
    this.reserve(length);
    this.process.memory.readInto(this.address, this.part(length));
    return this.view;
  }

  private part(length: number): Uint8Array {
    if (length > SHORT) return this.bytes.subarray(0, length);
    this.parts[length] ??= this.bytes.subarray(0, length);
    return this.parts[length]!;
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    this.bytes = zeroedBytes(Math.max(length, this.bytes.length * 4));
    this.view = viewOf(this.bytes);
    this.parts = [];
  }
}
