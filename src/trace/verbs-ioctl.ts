/** ioctl with a struct, and ioctl with a plain number. */
import { type ByteRange, equalBytes, toHex } from './bytes.ts';
import { encodeFields } from './encode-fields.ts';
import type { Handle } from './handles.ts';
import { answer, type Outcome } from './outcome.ts';
import { requestNumber } from './requests.ts';
import type { Context, Handler, Run } from './run.ts';
import { GUARD_BYTE, GUARD_LENGTH } from './scratch.ts';
import type { OutputToken, OutputType, Step } from './step.ts';

const READ: Readonly<Record<OutputType, (view: DataView, offset: number) => bigint>> = {
  u8: (view, offset) => BigInt(view.getUint8(offset)),
  u16: (view, offset) => BigInt(view.getUint16(offset, true)),
  u32: (view, offset) => BigInt(view.getUint32(offset, true)),
  s32: (view, offset) => BigInt(view.getInt32(offset, true)),
  u64: (view, offset) => view.getBigUint64(offset, true),
  fd: (view, offset) => BigInt(view.getInt32(offset, true)),
};

function ioctl(run: Run, step: Step): Outcome {
  const fd = run.descriptor(step, 0);
  const request = requestNumber(step.words[1]!)!;
  const struct = encodeFields(step.fields, run.variables);
  run.about({ handle: run.handles.at(fd, step.words[0]), request, input: struct.bytes });
  const ended = run.finish(run.door.ioctlCall(fd, request, run.scratch.place(struct.bytes)));
  const length = struct.bytes.length;
  const after = run.scratch.read(length + GUARD_LENGTH);
  const handle = run.handles.at(fd, step.words[0]);
  const returned = run.handles.ofRequest(request, struct.bytes, handle);
  const hidden = [...struct.hidden, ...takeOutputs(run, step.outputs, after, ended.ret, returned)];
  const direct = step.outputs.find((output) => output.at === undefined);
  if (direct !== undefined) run.opened(direct.variable, ended.ret ?? -1, returned);
  notePointers(run, step, { handle, request, input: struct.bytes });
  const isDescriptor = direct !== undefined && ended.ret !== undefined && ended.ret >= 0;
  const beyond = after.subarray(length);
  return {
    ...answer(ended),
    ...(isDescriptor ? { ret: 'fd' as const } : {}),
    out: toHex(after.subarray(0, length), hidden),
    ...(equalBytes(after.subarray(0, length), struct.bytes) ? { same: 1 as const } : {}),
    ...(beyond.some((byte) => byte !== GUARD_BYTE) ? { beyond: toHex(beyond) } : {}),
  };
}

/** Sets the `>variable:type@offset` outputs from the struct, whatever the call answered; new descriptors are hidden. */
function takeOutputs(
  run: Run,
  outputs: readonly OutputToken[],
  struct: Uint8Array,
  ret: number | undefined,
  returned: Handle,
): ByteRange[] {
  const view = new DataView(struct.buffer, struct.byteOffset, struct.length);
  const hidden: ByteRange[] = [];
  for (const { variable, at } of outputs) {
    if (at === undefined || at.offset + 8 > struct.length) continue;
    const value = READ[at.type](view, at.offset);
    run.variables.set(variable, value);
    if (at.type !== 'fd' || value < 0n || ret === undefined || ret < 0) continue;
    run.handles.set(Number(value), returned);
    hidden.push({ start: at.offset, end: at.offset + 4 });
  }
  return hidden;
}

/** Buffers that the struct points to: what a later step finds there is of this request. */
function notePointers(run: Run, { fields }: Step, context: Context): void {
  for (const { type, text } of fields) {
    const buffer = type === 'ptr' ? /^\$(\w+)/.exec(text)?.[1] : undefined;
    if (buffer !== undefined) run.filledBy.set(buffer, context);
  }
}

function ioctlv(run: Run, step: Step): Outcome {
  const fd = run.descriptor(step, 0);
  const request = requestNumber(step.words[1]!)!;
  const handle = run.handles.at(fd, step.words[0]);
  const argument = Number(BigInt.asUintN(64, run.variables.number(step.words[2]!)));
  run.about({ handle, request, argument });
  const ended = run.finish(run.door.ioctlCall(fd, request, argument));
  const [output] = step.outputs;
  if (output === undefined) return answer(ended);
  run.opened(output.variable, ended.ret ?? -1, run.handles.ofRequest(request, new Uint8Array(0), handle));
  return ended.ret === undefined || ended.ret < 0 ? answer(ended) : { ...answer(ended), ret: 'fd' };
}

export const IOCTLS = { ioctl, ioctlv } satisfies Record<string, Handler>;
