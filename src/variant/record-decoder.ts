/**
 * The incremental decoder of a record stream: bytes arrive in any segmentation, checked fields and untrusted payload
 * leave. A violation poisons the stream: nothing after it is looked at. Payload is handed on in views, never copied.
 */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Task } from '../kernel/sleep.ts';
import { type CheckedValues, type FieldDeclaration, type Fields, fieldsSize, readField } from './field.ts';
import type {
  FieldsHandler,
  FieldsPayload,
  OpaqueHandler,
  RecordFormatDefinition,
  RecordHandlers,
  Records,
} from './record-declaration.ts';
import type { AnySafeguard } from './safeguard.ts';
import { fromUser, type Untrusted } from './untrusted.ts';

type Header = Record<string, number | bigint>;
type AnyHandler = OpaqueHandler<Header> | FieldsHandler<Header, Fields>;

/** What a definition means to a decoder, computed once for all sessions. */
export interface DecoderPlan<H extends Fields, K extends Records> {
  readonly definition: RecordFormatDefinition<H, K>;
  readonly headerSize: number;
  readonly header: readonly (readonly [name: string, field: FieldDeclaration])[];
  readonly kinds: ReadonlyMap<number, readonly [name: string, payload: Records[string]['payload']]>;
  /** Scratch big enough for the header and for every payload that is decoded. */
  readonly scratch: number;
}

/** Prepares the look-ups of a definition. */
export function planOf<H extends Fields, K extends Records>(
  definition: RecordFormatDefinition<H, K>,
): DecoderPlan<H, K> {
  const headerSize = fieldsSize(definition.header);
  const kinds = new Map<number, readonly [string, Records[string]['payload']]>();
  let scratch = headerSize;
  for (const [name, { tag, payload }] of Object.entries(definition.records)) {
    kinds.set(tag, [name, payload]);
    if (payload.kind === 'fields') scratch = Math.max(scratch, fieldsSize(payload.fields));
  }
  return { definition, headerSize, header: Object.entries(definition.header), kinds, scratch };
}

/** The decoder of one session. */
export class RecordDecoder<H extends Fields, K extends Records> {
  /** The negated errno that poisoned the stream; 0 while it is sound. */
  failed = 0;
  private readonly plan: DecoderPlan<H, K>;
  private readonly handlers: RecordHandlers<H, K>;
  private readonly scratch: Uint8Array;
  private readonly view: DataView;
  /** Bytes of the current header (inside a header) or payload (inside a record) seen. */
  private seen = 0;
  private inside = false;
  private length = 0;
  private fields: Header = {};
  private payload: Records[string]['payload'] | undefined;
  private handler: AnyHandler | undefined;

  constructor(plan: DecoderPlan<H, K>, handlers: RecordHandlers<H, K>) {
    this.plan = plan;
    this.handlers = handlers;
    this.scratch = zeroedBytes(plan.scratch);
    this.view = viewOf(this.scratch);
  }

  /** Whether the stream so far ends at the end of a record. */
  get atBoundary(): boolean {
    return !this.inside && this.seen === 0;
  }

  /** Takes the next bytes of the stream: 0, or the negated errno of the violation or of the handler. */
  *write(untrusted: Untrusted<Uint8Array>): Task<number> {
    if (this.failed < 0) return this.failed;
    const bytes = untrusted as unknown as Uint8Array;
    let at = 0;
    while (at < bytes.length) {
      if (!this.inside) {
        at += this.gather(bytes, at, this.plan.headerSize);
        if (this.seen < this.plan.headerSize) break;
        if (this.open() < 0) return this.failed;
        if (this.length > 0 || this.plan.definition.emptyRecord === 'at-next-byte') continue;
      } else if (this.length > 0) {
        at += this.take(bytes, at);
        if (this.failed < 0) return this.failed;
        if (this.seen < this.length) break;
      }
      const done = this.close();
      const result = typeof done === 'number' ? done : yield* done;
      if (result < 0) return this.poison(result);
    }
    return 0;
  }

  private poison(result: number): number {
    this.failed = result;
    return result;
  }

  /** Copies into the scratch up to `end` bytes; how many were taken. */
  private gather(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(bytes.length - at, end - this.seen);
    for (let i = 0; i < count; i++) this.scratch[this.seen + i] = bytes[at + i]!;
    this.seen += count;
    return count;
  }

  /** A header is complete: checks it and turns to its payload. */
  private open(): number {
    const { definition, header, kinds } = this.plan;
    const fields: Header = {};
    for (const [name, field] of header) {
      const value = readField(this.view, 0, field, definition.littleEndian);
      const broken = firstBroken(field.safeguards, value);
      if (broken !== undefined && field.otherwise === undefined) return this.poison(-broken.errno);
      fields[name] = broken === undefined ? value : field.otherwise!;
    }
    const broken = firstBroken(definition.headerSafeguards as readonly unknown[] as readonly AnySafeguard[], fields);
    if (broken !== undefined) return this.poison(-broken.errno);
    const [name, payload] = kinds.get(fields[definition.tagField] as number) ?? [];
    const length = fields[definition.lengthField]!;
    if (payload?.kind === 'fields' && !payload.complete.holds(BigInt(length), undefined))
      return this.poison(-payload.complete.errno);
    this.fields = fields;
    this.payload = payload;
    this.handler = name === undefined ? undefined : (this.handlers[name] as unknown as AnyHandler);
    this.length = Number(length);
    this.seen = 0;
    this.inside = true;
    const result = this.handler?.begin?.(fields) ?? 0;
    return result < 0 ? this.poison(result) : 0;
  }

  /** Consumes payload bytes from `at`; how many. */
  private take(bytes: Uint8Array, at: number): number {
    const count = Math.min(bytes.length - at, this.length - this.seen);
    if (this.payload?.kind === 'opaque') {
      const part = count === bytes.length ? bytes : bytes.subarray(at, at + count);
      const result = (this.handler as OpaqueHandler<Header>).data(fromUser(part), this.seen);
      if (result < 0) this.poison(result);
    } else if (this.payload?.kind === 'fields' && this.seen < this.scratch.length) {
      const kept = Math.min(count, this.scratch.length - this.seen);
      this.scratch.set(bytes.subarray(at, at + kept), this.seen);
    }
    this.seen += count;
    return count;
  }

  /** A payload is complete. */
  private close(): number | Task<number> {
    this.seen = 0;
    this.inside = false;
    if (this.payload === undefined) return 0;
    if (this.payload.kind === 'opaque') return (this.handler as OpaqueHandler<Header>).end(this.fields);
    return this.closeFields(this.payload);
  }

  private closeFields(payload: FieldsPayload): number | Task<number> {
    const fields: Header = {};
    for (const [name, field] of Object.entries(payload.fields)) {
      const value = readField(this.view, 0, field, this.plan.definition.littleEndian);
      const broken = firstBroken(field.safeguards, value);
      if (broken !== undefined && field.otherwise === undefined) return -broken.errno;
      fields[name] = broken === undefined ? value : field.otherwise!;
    }
    return (this.handler as FieldsHandler<Header, Fields>).end(fields as unknown as CheckedValues<Fields>, this.fields);
  }
}

function firstBroken(guards: readonly AnySafeguard[] | undefined, value: unknown): AnySafeguard | undefined {
  if (guards !== undefined) for (const guard of guards) if (!guard.holds(value, undefined)) return guard;
  return undefined;
}
