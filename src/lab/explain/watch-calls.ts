/** What a tenant asks for at the door, and what it is answered. */

import { viewOf } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import { device_feature, FEATURE, FEATURE_FLAG, VFIO } from '../../uapi/vfio.ts';
import type { Chronicle } from './chronicle.ts';
import type { Lane } from './event.ts';
import {
  answerText,
  argumentSize,
  argumentText,
  bytesText,
  fieldsOf,
  hex,
  kindOf,
  placeText,
  requestText,
  structText,
  titleOf,
} from './words.ts';

/** What else must be known to put a call into words. */
export interface CallContext {
  readonly lane: Lane;
  /** The configuration space of the tenant's function, to name registers. */
  config(): Uint8Array | undefined;
  /** Name of the operation of the step under way. */
  operation(): string | undefined;
  /** Is told of each answer: what was asked, of which file, and the struct that came back. */
  answered(call: AnsweredCall): void;
}

/** A call that was answered, as far as an observation must know it to be read. */
export interface AnsweredCall {
  readonly text: string;
  /** An ioctl: the kind of its file and the request, with which its struct can be decoded. */
  readonly ioctl?: { readonly kind: ReturnType<typeof kindOf>; readonly request: number };
  /** A read of the device's file at this offset. */
  readonly offset?: number;
}

/** Operations that ask for the state because that is what they do. */
const ASK_STATE = new Set(['get_state']);

/** Wraps the calls of one process. */
export function watchCalls(chronicle: Chronicle, process: Process, context: CallContext): void {
  const { lane } = context;
  const entry = (text: string, sort: string) => ({ from: lane, to: 'VFIO' as const, text, sort: `${lane} ${sort}` });
  const { ioctlCall, readCall, writeCall, closeCall, open, mmap, munmap } = process;
  const fileOf = (fd: number) => kindOf(process.file(fd)?.file);

  process.ioctlCall = (fd, request, argument) => {
    const call = (): ReturnType<typeof ioctlCall> => ioctlCall.call(process, fd, request, argument);
    if (chronicle.quiet > 0) return call();
    const kind = fileOf(fd);
    const before = structAt(process, kind, request, argument);
    const plain = argumentText(request, argument);
    const name = requestText(kind, request);
    const words =
      `${name} ${plain ?? nameAt(process, request, argument) ?? structText(before?.fields ?? [])}`.trimEnd();
    if (isLook(kind, request, before?.bytes) && !ASK_STATE.has(context.operation() ?? '')) {
      return chronicle.silently(call);
    }
    return chronicle.around(entry(`ioctl ${words}`, `ioctl ${name}`), call, (result) => {
      context.answered({ text: name, ioctl: { kind, request } });
      const after = result < 0 ? undefined : structAt(process, kind, request, argument, 'out');
      const changed = after?.fields.filter(({ name: field, value }) => valueIn(before, field) !== value) ?? [];
      return `${answerText(result)} ${structText(changed)}`.trimEnd();
    });
  };

  process.readCall = (fd, address, length, position) => {
    const call = (): ReturnType<typeof readCall> => readCall.call(process, fd, address, length, position);
    if (chronicle.quiet > 0) return call();
    const place = position === undefined ? titleOf(fileOf(fd)) : placeText(position, context.config());
    return chronicle.around(entry(`read ${place}, ${length} bytes`, `read ${regionOf(place)}`), call, (result) => {
      context.answered({ text: `read of ${place}`, ...(position === undefined ? {} : { offset: position }) });
      const bytes = result > 0 ? process.memory.read(address, Math.min(result, 16)) : undefined;
      return bytes === undefined ? answerText(result) : `${result}: ${bytesText(bytes)}`;
    });
  };

  process.writeCall = (fd, address, length, position) => {
    const call = (): ReturnType<typeof writeCall> => writeCall.call(process, fd, address, length, position);
    if (chronicle.quiet > 0) return call();
    const place = position === undefined ? titleOf(fileOf(fd)) : placeText(position, context.config());
    const bytes = process.memory.read(address, Math.min(length, 16)) ?? new Uint8Array();
    const count = length > 8 ? `, ${length} bytes` : '';
    const text = `write ${place}${count}: ${bytesText(bytes)}`;
    return chronicle.around(entry(text, `write ${regionOf(place)}`), call, answerText);
  };

  process.closeCall = (fd) =>
    chronicle.around(entry(`close ${titleOf(fileOf(fd))}`, 'close'), () => closeCall.call(process, fd), answerText);

  process.open = (path, how) =>
    chronicle.around(entry(`open ${path}`, 'open'), () => open.call(process, path, how), answerText);

  process.mmap = (fd, offset, length, how) =>
    chronicle.around(
      entry(`mmap ${placeText(offset, context.config())}, ${length} bytes`, 'mmap'),
      () => mmap.call(process, fd, offset, length, how),
      (result) => (result < 0 ? answerText(result) : `mapped at ${hex(result)}`),
    );

  process.munmap = (address) =>
    chronicle.around(entry(`munmap ${hex(address)}`, 'munmap'), () => munmap.call(process, address), answerText);
}

/** The struct at an argument, with its fields; undefined: the request has none. */
function structAt(
  process: Process,
  kind: ReturnType<typeof kindOf>,
  request: number,
  argument: number,
  direction: 'in' | 'out' = 'in',
) {
  const argsz = process.memory.read(argument, 4);
  if (argsz === undefined) return undefined;
  const bytes = process.memory.read(argument, argumentSize(kind, request, viewOf(argsz).getUint32(0, true)));
  return bytes === undefined || bytes.length === 0
    ? undefined
    : { bytes, fields: fieldsOf(bytes, kind, request, direction) };
}

const valueIn = (struct: ReturnType<typeof structAt>, name: string): string | undefined =>
  struct?.fields.find((field) => field.name === name)?.value;

/** GET_DEVICE_FD takes a text. */
function nameAt(process: Process, request: number, argument: number): string | undefined {
  if (request !== VFIO.GROUP_GET_DEVICE_FD) return undefined;
  const bytes = process.memory.read(argument, 64);
  return bytes && Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
}

/** The lab asks for the state after each request, in the tenant's name. */
function isLook(kind: string, request: number, bytes: Uint8Array | undefined): boolean {
  if (kind !== 'device' || request !== VFIO.DEVICE_FEATURE || bytes === undefined || bytes.length < 8) return false;
  const flags = viewOf(bytes).getUint32(device_feature.at.flags, true);
  return flags === (FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.GET);
}

/** Accesses to the same region are of one sort, wherever in it. */
const regionOf = (place: string): string => place.replace(/ \+ 0x.*$/, '');
