/**
 * The PF's command queue (drivers/net/ethernet/mellanox/mlx5/core/cmd.c): entries in the PF's DMA memory, a doorbell bit
 * for each, an interrupt when entries come back. Input and output beyond 16 bytes lie in mailboxes, which this card
 * takes in one piece each.
 */
import { viewOf, zeroedBytes, zeroedView } from '../../../src/kernel/bytes.ts';
import type { BarAccess, PciDevice } from '../../../src/kernel/pci/device.ts';
import type { DmaBuffer } from '../../../src/kernel/pci/dma-buffer.ts';
import { type Task, WaitQueue } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { type CommandOutput, outputOf, PLAIN, setAddress } from './command.ts';
import { be32, ENTRY, ENTRY_TYPE, INLINE, ISEG } from './registers.ts';

/** Mailboxes that a slot has from the beginning: room for the pages of all but the largest buffers (cmd.c: create_msg_cache). */
const FIRST_MAILBOX = 0x2000;
/** Mailboxes up to this many bytes stay with their slot for the next command. */
const KEPT_MAILBOX = 0x1_0000;
/** Lengths of inputs that are used again, and how long they may be. */
const KEPT_LENGTHS = 16;
const KEPT_INPUT = 0x2000;

interface Slot {
  readonly index: number;
  busy: boolean;
  done: boolean;
  input: DmaBuffer | undefined;
  output: DmaBuffer | undefined;
  readonly waiters: WaitQueue;
  /** Room for an answer: see {@link CommandQueue.execute}. */
  answer: DataView;
}

/** Answers of up to this many bytes are used again: most are that short. */
const SHORT = 0x40;

export class CommandQueue {
  private readonly device: PciDevice;
  private readonly bar: BarAccess;
  private readonly entries: DmaBuffer;
  /** Entries used so far, lowest first; `count` at most. */
  private readonly slots: Slot[] = [];
  private readonly count: number;
  private readonly freed = new WaitQueue('mlx5 command slot');
  private readonly entry = zeroedBytes(ENTRY.SIZE);
  private readonly view = viewOf(this.entry);
  /** Output and ownership: what comes back. */
  private readonly tail = this.entry.subarray(ENTRY.OUT);
  private readonly ownership = zeroedBytes(1);
  /** Inputs of commands that have been posted: the next of that length may have them. No state, and so kept apart. */
  readonly #inputs: DataView[] = [];
  private token = 0;
  private aborted = false;

  /** Tells the card where the queue is. */
  constructor(device: PciDevice, bar: BarAccess) {
    this.device = device;
    this.bar = bar;
    const size = be32(bar.read(ISEG.CMDQ_ADDR_L_SZ, 4));
    const count = 1 << ((size >>> 4) & 0xf);
    this.entries = device.allocateDma(count << (size & 0xf));
    this.count = count;
    this.view.setUint8(ENTRY.TYPE, ENTRY_TYPE);
    bar.write(ISEG.CMDQ_ADDR_H, 4, be32(Math.floor(this.entries.iova / 2 ** 32)));
    bar.write(ISEG.CMDQ_ADDR_L_SZ, 4, be32(this.entries.iova >>> 0));
  }

  /** A zeroed input of `length` bytes, for one {@link execute}. */
  input(opcode: number, length: number = PLAIN, opMod = 0): DataView {
    const view = this.used(length) ?? zeroedView(length);
    view.setUint16(0x00, opcode);
    view.setUint16(0x06, opMod);
    return view;
  }

  /**
   * Carries out one command; sleeps until the card has answered. `outLength` in bytes, at least 16. The input is used up.
   * The result is what `read` makes of the answer; a short answer is there only while that runs.
   */
  *execute<R>(input: DataView, outLength: number, read: (output: CommandOutput) => R): Task<R> {
    let slot = this.freeSlot();
    while (slot === undefined && !this.aborted) {
      yield this.freed;
      slot = this.freeSlot();
    }
    if (slot === undefined || this.aborted) return read(undelivered(outLength));
    slot.busy = true;
    slot.done = false;
    this.post(slot, input, outLength);
    this.bar.write(ISEG.CMD_DBELL, 4, be32((1 << slot.index) >>> 0));
    // Where a real card would still be at work.
    yield* this.device.scheduler.mightSleep();
    while (!slot.done) yield slot.waiters;
    const output = this.aborted ? undelivered(outLength) : this.collect(slot, outLength);
    const result = read(output);
    this.giveBack(slot);
    return result;
  }

  /** The command interrupt: wakes whoever waits for an entry that came back. */
  interrupt(): void {
    const own = this.ownership;
    for (const slot of this.slots) {
      if (!slot.busy || slot.done) continue;
      this.entries.read(slot.index * ENTRY.SIZE + ENTRY.STATUS_OWN, own);
      if ((own[0]! & 1) === 0) this.finish(slot);
    }
  }

  /** Ends all commands in flight with EIO (mlx5_cmd_flush); the queue takes no more. */
  abort(): void {
    this.aborted = true;
    for (const slot of this.slots) if (slot.busy) this.finish(slot);
    this.freed.wake();
  }

  /** Gives the memory back. Nothing may be in flight. */
  free(): void {
    for (const slot of this.slots) {
      slot.input?.free();
      slot.output?.free();
    }
    this.entries.free();
  }

  private freeSlot(): Slot | undefined {
    const { slots } = this;
    for (let index = 0; index < slots.length; index++) if (!slots[index]!.busy) return slots[index];
    if (slots.length === this.count) return undefined;
    const slot: Slot = {
      index: slots.length,
      busy: false,
      done: false,
      input: this.mailbox(undefined, FIRST_MAILBOX),
      output: this.mailbox(undefined, FIRST_MAILBOX),
      waiters: new WaitQueue('mlx5 command'),
      answer: zeroedView(PLAIN),
    };
    slots.push(slot);
    return slot;
  }

  private post(slot: Slot, input: DataView, outLength: number): void {
    const { entry, view } = this;
    const { byteLength } = input;
    // The type stands there from the beginning, and all else is written below.
    for (let at = ENTRY.IN_PTR; at < ENTRY.IN; at += 4) view.setUint32(at, 0);
    for (let at = ENTRY.OUT; at < ENTRY.SIZE; at += 4) view.setUint32(at, 0);
    view.setUint32(ENTRY.INLEN, byteLength);
    view.setUint32(ENTRY.OUTLEN, outLength);
    for (let at = 0; at < INLINE; at += 4) view.setUint32(ENTRY.IN + at, input.getUint32(at));
    if (byteLength > INLINE) {
      slot.input = this.mailbox(slot.input, byteLength - INLINE);
      slot.input.write(0, bytesFrom(input, INLINE));
      setAddress(view, ENTRY.IN_PTR, slot.input.iova);
    }
    if (outLength > INLINE) {
      slot.output = this.mailbox(slot.output, outLength - INLINE);
      setAddress(view, ENTRY.OUT_PTR, slot.output.iova);
    }
    this.token = (this.token % 255) + 1;
    view.setUint8(ENTRY.TOKEN, this.token);
    view.setUint8(ENTRY.STATUS_OWN, 1);
    this.entries.write(slot.index * ENTRY.SIZE, entry);
    if (byteLength <= KEPT_INPUT && this.#inputs.length < KEPT_LENGTHS) this.#inputs.push(input);
  }

  /** An input of that length that was used before, zeroed. */
  private used(length: number): DataView | undefined {
    const kept = this.#inputs;
    for (let i = kept.length - 1; i >= 0; i--) {
      const view = kept[i]!;
      if (view.byteLength !== length) continue;
      kept[i] = kept[kept.length - 1]!;
      kept.pop();
      if (length > SHORT) bytesFrom(view, 0).fill(0);
      else for (let at = 0; at < length; at += 4) view.setUint32(at, 0);
      return view;
    }
    return undefined;
  }

  private collect(slot: Slot, outLength: number): CommandOutput {
    const { view } = this;
    this.entries.read(slot.index * ENTRY.SIZE + ENTRY.OUT, this.tail);
    if (view.getUint8(ENTRY.STATUS_OWN) >>> 1 !== 0) return undelivered(outLength);
    let output = slot.answer;
    if (output.byteLength !== outLength) output = zeroedView(outLength);
    if (outLength <= SHORT) slot.answer = output;
    for (let at = 0; at < INLINE; at += 4) output.setUint32(at, view.getUint32(ENTRY.OUT + at));
    if (outLength > INLINE) slot.output!.read(0, bytesFrom(output, INLINE));
    return outputOf(output);
  }

  private finish(slot: Slot): void {
    slot.done = true;
    slot.waiters.wake();
  }

  private giveBack(slot: Slot): void {
    if ((slot.input?.length ?? 0) > KEPT_MAILBOX) {
      slot.input!.free();
      slot.input = undefined;
    }
    slot.busy = false;
    this.freed.wake();
  }

  private mailbox(old: DmaBuffer | undefined, length: number): DmaBuffer {
    if (old !== undefined && old.length >= length) return old;
    old?.free();
    return this.device.allocateDma(length, true, 'mailbox');
  }
}

/** What comes after the first `skip` bytes of a view. */
function bytesFrom({ buffer, byteOffset, byteLength }: DataView, skip: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + skip, byteLength - skip);
}

/** The entry itself could not be carried out, or never came back. */
function undelivered(outLength: number): CommandOutput {
  return { status: 0xff, errno: -ERRNO.EIO, view: zeroedView(outLength) };
}
