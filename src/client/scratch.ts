/** Arguments of system calls as bytes in the process's own memory, with room that is reused from call to call. */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';

/** One piece of memory for the arguments of one call at a time. */
export class Scratch {
  readonly process: Process;
  /** Address of the scratch memory. */
  readonly address: number;
  readonly size: number;
  /** A local copy to build arguments in; `put` copies it out. Grows as needed: take it anew after `begin` and `load`. */
  bytes = zeroedBytes(256);
  view = viewOf(this.bytes);
  /** The first n of these bytes, by n: the same few lengths come again and again. */
  private parts: (Uint8Array | undefined)[] = [];

  constructor(process: Process, size = 16384) {
    this.process = process;
    this.size = size;
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
    return this.address;
  }

  /** Copies the first `length` bytes into the process and returns their address. */
  put(length: number): number {
    this.process.memory.write(this.address, this.part(length));
    return this.address;
  }

  /** Reads back what the kernel left there. */
  take(length: number): DataView {
    this.reserve(length);
    this.process.memory.readInto(this.address, this.part(length));
    return this.view;
  }

  private part(length: number): Uint8Array {
    if (length > 256) return this.bytes.subarray(0, length);
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
