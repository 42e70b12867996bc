/**
 * The command queue in the PF driver's memory: entries come and go by DMA under the PF's requester id (mlx5 PRM,
 * "Command Interface"; include/linux/mlx5/driver.h: mlx5_cmd_layout). Two simplifications: what does not fit inline lies in
 * one contiguous buffer instead of a chain of 576-byte mailboxes, and token and signature are not looked at.
 */
import { viewOf, zeroedBytes } from '../../bytes.ts';
import type { DevicePorts } from '../../pci/model.ts';
import { type Command, MBOX_IN } from './command.ts';
import type { Firmware } from './firmware.ts';
import { CMDQ, PF_VECTOR } from './init-segment.ts';
import { DELIVERY } from './status.ts';
import { addressable, getU64 } from './u64.ts';

/** A command queue entry, 64 bytes, big-endian. */
export const ENTRY = {
  TYPE: 0x00,
  INLEN: 0x04,
  IN_PTR: 0x08,
  IN: 0x10,
  OUT: 0x20,
  OUT_PTR: 0x30,
  OUTLEN: 0x38,
  TOKEN: 0x3c,
  SIG: 0x3d,
  /** Bit 0: the hardware's. Bits 7:1: delivery status. */
  STATUS_OWN: 0x3f,
  SIZE: 0x40,
} as const;
export const ENTRY_TYPE_PCI = 0x07;
const INLINE = 16;
/** A bit for each entry of the queue. */
const ENTRIES = 2 ** (1 << CMDQ.LOG_SIZE) - 1;
/** Longest input and output: a page list for 4 GiB fits. */
const LENGTH_MAX = 0x100_0000;

/** Inputs and outputs of up to this many bytes are kept for the next command of that length. */
const KEPT_LENGTH = 0x2000;

/** What does not fit inline. */
class Long {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** What lies in the mailbox. */
  readonly rest: Uint8Array;

  constructor(length: number) {
    this.bytes = zeroedBytes(length);
    this.view = viewOf(this.bytes);
    this.rest = this.bytes.subarray(INLINE);
  }
}

function longOf(kept: readonly Long[], length: number): Long | undefined {
  for (let i = 0; i < kept.length; i++) if (kept[i]!.bytes.length === length) return kept[i];
  return undefined;
}

function newLong(kept: Long[], length: number): Long {
  const long = new Long(length);
  if (length <= KEPT_LENGTH) kept.push(long);
  return long;
}

/** An entry as it was fetched. What fits inline is read and written in place, through views that are made once. */
class Slot {
  readonly index: number;
  readonly bytes = zeroedBytes(ENTRY.SIZE);
  readonly view = viewOf(this.bytes);
  /** Output and ownership: what is written back. */
  readonly tail = this.bytes.subarray(ENTRY.OUT);
  readonly #inputs: (DataView | undefined)[] = [];
  readonly #outputs: (DataView | undefined)[] = [];
  /** Longer inputs and outputs, one of each length. Commands keep nothing of them when they have ended: this is no state. */
  readonly #longInputs: Long[] = [];
  readonly #longOutputs: Long[] = [];
  /** The command that is being carried out, if it is, and where its output lies if that does not fit inline. */
  readonly command: { -readonly [F in keyof Command]: Command[F] };
  output: Long | undefined;
  /** What the firmware calls when it is done. */
  readonly done: () => void;

  constructor(index: number, done: (slot: Slot) => void) {
    this.index = index;
    this.command = { opcode: 0, opMod: 0, in: this.view, out: this.view, vhca: undefined };
    this.done = () => done(this);
  }

  /** The first `length` bytes of the inline input. */
  input(length: number): DataView {
    this.#inputs[length] ??= viewOf(this.bytes.subarray(ENTRY.IN, ENTRY.IN + length));
    return this.#inputs[length]!;
  }
  /** Room for an input of `length` bytes. */
  longInput(length: number): Long {
    return longOf(this.#longInputs, length) ?? newLong(this.#longInputs, length);
  }

  /** `length` zero bytes for an output. */
  longOutput(length: number): Long {
    const known = longOf(this.#longOutputs, length);
    known?.bytes.fill(0);
    return known ?? newLong(this.#longOutputs, length);
  }

  /** The first `length` bytes of the inline output. */
  shortOutput(length: number): DataView {
    this.#outputs[length] ??= viewOf(this.bytes.subarray(ENTRY.OUT, ENTRY.OUT + length));
    return this.#outputs[length]!;
  }
}

export class CommandQueue {
  /** Bus address of entry 0; 0: none. */
  address = 0;
  private readonly ports: DevicePorts;
  private readonly firmware: Firmware;
  /** Entries being executed, one bit each. */
  private busy = 0;
  private readonly slots: Slot[] = [];

  constructor(ports: DevicePorts, firmware: Firmware) {
    this.ports = ports;
    this.firmware = firmware;
  }

  /** The doorbell: bit n is entry n. */
  ring(mask: number): void {
    for (let left = mask & ENTRIES; left !== 0; left &= left - 1) {
      const index = 31 - Math.clz32(left & -left);
      if (((this.busy >>> index) & 1) === 0) this.start(index);
    }
  }

  reset(): void {
    this.address = 0;
    this.busy = 0;
  }

  private start(index: number): void {
    this.slots[index] ??= new Slot(index, (done) => this.finish(done));
    const slot = this.slots[index]!;
    const { bytes } = slot;
    if (this.address === 0 || !this.ports.dma.read(this.address + (index << CMDQ.LOG_STRIDE), bytes)) {
      this.firmware.logIllegal(0, undefined, 'command queue cannot be read');
      return;
    }
    if ((bytes[ENTRY.STATUS_OWN]! & 1) === 0) return;
    const inlen = slot.view.getUint32(ENTRY.INLEN);
    const outlen = slot.view.getUint32(ENTRY.OUTLEN);
    if (bytes[ENTRY.TYPE] !== ENTRY_TYPE_PCI) this.reject(slot, DELIVERY.CMD_DESCR_ERR);
    else if (inlen < 8 || inlen > LENGTH_MAX) this.reject(slot, DELIVERY.IN_LENGTH_ERR);
    else if (outlen < 8 || outlen > LENGTH_MAX) this.reject(slot, DELIVERY.OUT_LENGTH_ERR);
    else this.execute(slot, inlen, outlen);
  }

  private execute(slot: Slot, inlen: number, outlen: number): void {
    const input = this.input(slot, inlen);
    if (input === undefined) {
      this.reject(slot, DELIVERY.FW_ERR);
      return;
    }
    for (let at = ENTRY.OUT; at < ENTRY.OUT + INLINE; at += 4) slot.view.setUint32(at, 0);
    const long = outlen <= INLINE ? undefined : slot.longOutput(outlen);
    const { command } = slot;
    command.opcode = input.getUint16(MBOX_IN.OPCODE);
    command.opMod = input.getUint16(MBOX_IN.OP_MOD);
    command.in = input;
    command.out = long?.view ?? slot.shortOutput(outlen);
    command.vhca = undefined;
    slot.output = long;
    this.busy |= 1 << slot.index;
    this.firmware.execute(command, slot.done);
  }

  private input(slot: Slot, inlen: number): DataView | undefined {
    if (inlen <= INLINE) return slot.input(inlen);
    const { bytes, view, rest } = slot.longInput(inlen);
    const pointer = getU64(slot.view, ENTRY.IN_PTR);
    if (!addressable(pointer, inlen) || !this.ports.dma.read(pointer, rest)) return undefined;
    for (let i = 0; i < INLINE; i++) bytes[i] = slot.bytes[ENTRY.IN + i]!;
    return view;
  }

  private finish(slot: Slot): void {
    const { output } = slot;
    if (output === undefined) {
      this.giveBack(slot, DELIVERY.OK);
      return;
    }
    const { bytes, rest } = output;
    for (let i = 0; i < INLINE; i++) slot.bytes[ENTRY.OUT + i] = bytes[i]!;
    const pointer = getU64(slot.view, ENTRY.OUT_PTR);
    if (addressable(pointer, bytes.length) && this.ports.dma.write(pointer, rest)) this.giveBack(slot, DELIVERY.OK);
    else this.reject(slot, DELIVERY.FW_ERR);
  }

  /** The entry could not be carried out: that is the driver's fault. */
  private reject(slot: Slot, delivery: number): void {
    this.firmware.logIllegal(slot.view.getUint16(ENTRY.IN), undefined, `delivery status 0x${delivery.toString(16)}`);
    this.giveBack(slot, delivery);
  }

  private giveBack(slot: Slot, delivery: number): void {
    this.busy &= ~(1 << slot.index);
    slot.bytes[ENTRY.STATUS_OWN] = delivery << 1;
    // Output and ownership in one write: whoever sees the bit clear sees the output.
    const at = this.address + (slot.index << CMDQ.LOG_STRIDE) + ENTRY.OUT;
    this.ports.dma.write(at, slot.tail);
    this.ports.interrupts.message(PF_VECTOR.COMMAND);
  }
}
