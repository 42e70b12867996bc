/** The script language: its verbs with their operands, and what a parsed line is. */

/**
 * Kinds of operands. `fields`: the bytes of a struct. `outputs`: variables set from the result. `text`: the rest of
 * the line. `modes`, `fields` and `outputs` may be empty; a question mark makes another operand optional.
 */
export type Operand =
  | 'variable'
  | 'fd'
  | 'number'
  | 'number?'
  | 'path'
  | 'request'
  | 'text'
  | 'word'
  | 'word?'
  | 'protection'
  | 'modes'
  | 'fields'
  | 'outputs';

/** Every verb and its operands, in order. */
export const VERBS = {
  open: ['variable', 'path', 'modes'],
  close: ['fd'],
  dup: ['variable', 'fd'],
  set: ['variable', 'number'],
  setstr: ['variable', 'text'],
  ioctl: ['fd', 'request', 'fields', 'outputs'],
  ioctlv: ['fd', 'request', 'number', 'outputs'],
  pread: ['fd', 'number', 'number', 'outputs'],
  pwrite: ['fd', 'number', 'fields'],
  read: ['fd', 'number', 'outputs'],
  write: ['fd', 'fields'],
  probe: ['fd', 'number', 'number', 'number', 'number', 'number?'],
  eventfd: ['variable', 'number?'],
  efdread: ['fd', 'number?'],
  efdwrite: ['fd', 'number'],
  poll: ['fd', 'number?'],
  mmap: ['variable', 'fd', 'number', 'number', 'protection', 'modes'],
  munmap: ['variable'],
  munmapall: [],
  peek: ['variable', 'number', 'number'],
  poke: ['variable', 'number', 'number', 'number'],
  buf: ['variable', 'number', 'number?'],
  memfd: ['variable', 'number'],
  put: ['variable', 'number', 'fields'],
  fill: ['variable', 'number', 'fields'],
  dump: ['variable', 'number', 'number'],
  sysread: ['path', 'outputs'],
  syswrite: ['path', 'text'],
  bg: ['variable', 'path', 'text'],
  bgwait: ['variable', 'number'],
  sleep: ['number'],
  rlimit: ['number'],
  bind: ['variable', 'word', 'word?'],
  unbind: ['word'],
  devinfo: ['variable', 'word'],
  mdev: ['variable', 'path'],
} as const satisfies Record<string, readonly Operand[]>;

/** A verb of the language. */
export type Verb = keyof typeof VERBS;

/** Types of a field of a struct; `fd`, `ptr` and `str` bytes depend on the run and are not printed. */
export const FIELD_TYPES = ['u8', 'u16', 'u32', 's32', 'u64', 'fd', 'ptr', 'pad', 'ff', 'hex', 'str'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** One `type:text` field. */
export interface FieldToken {
  readonly type: FieldType;
  readonly text: string;
}

/** Types of a value taken out of a struct. */
export const OUTPUT_TYPES = ['u8', 'u16', 'u32', 's32', 'u64', 'fd'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** `>variable` takes the result of the call, `>variable:type@offset` a value of the struct afterwards. */
export interface OutputToken {
  readonly variable: string;
  readonly at?: { readonly type: OutputType; readonly offset: number };
}

/** One line of a script. `words` are the operands before any fields, modes and text, as written. */
export interface Step {
  /** Line number in the script, from 1. */
  readonly line: number;
  /** The line itself. */
  readonly source: string;
  readonly verb: Verb;
  readonly words: readonly string[];
  readonly modes: readonly string[];
  readonly fields: readonly FieldToken[];
  readonly outputs: readonly OutputToken[];
  readonly text: string;
}
