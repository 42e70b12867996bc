/** Reads a script. Every line is checked whole, so that a run never stops in the middle for a typing error. */
import { isExpression } from './expression.ts';
import { InputError } from './input-error.ts';
import { requestNumber } from './requests.ts';
import {
  FIELD_TYPES,
  type FieldToken,
  type FieldType,
  type Operand,
  OUTPUT_TYPES,
  type OutputToken,
  type OutputType,
  type Step,
  VERBS,
  type Verb,
} from './step.ts';

const VARIABLE = /^[A-Za-z_]\w*$/;
const OUTPUT = /^>([A-Za-z_]\w*)(?::(\w+)@(\d+|0x[0-9a-f]+))?$/i;
const MODES = new Set(['ro', 'wo', 'rw', 'nonblock', 'private']);

/** What a single operand must look like, and how a complaint names it. */
const SHAPES: Partial<Record<Operand, { readonly test: (word: string) => boolean; readonly what: string }>> = {
  variable: { test: (word) => VARIABLE.test(word), what: 'a variable name' },
  number: { test: isExpression, what: 'a number' },
  request: { test: (word) => requestNumber(word) !== undefined, what: 'a known ioctl request' },
  protection: { test: (word) => /^[rwx]+$/.test(word), what: 'a protection such as rw' },
  path: { test: (word) => word.startsWith('/') || word.startsWith('$'), what: 'an absolute path' },
};

/** The steps of a script; `name` is for complaints. Throws {@link InputError} for a line that is not in the language. */
export function parseScript(text: string, name: string): Step[] {
  const steps: Step[] = [];
  for (const [index, source] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(source)) continue;
    try {
      steps.push(parseStep(source.replace(/\r$/, ''), index + 1));
    } catch (error) {
      if (error instanceof InputError) throw new InputError(`${name}:${index + 1}: ${error.message}`);
      throw error;
    }
  }
  return steps;
}

/** Parses one line. */
export function parseStep(source: string, line: number): Step {
  const [verb, ...rest] = source.trim().split(/\s+/) as [string, ...string[]];
  if (!Object.hasOwn(VERBS, verb)) throw new InputError(`unknown verb '${verb}'`);
  const words: string[] = [];
  const modes: string[] = [];
  const fields: FieldToken[] = [];
  const outputs: OutputToken[] = [];
  let text = '';
  for (const operand of VERBS[verb as Verb]) {
    if (operand === 'text') {
      text = afterWords(source, words.length + 1);
      rest.length = 0;
    } else if (operand === 'modes') while (MODES.has(rest[0] ?? '')) modes.push(rest.shift()!);
    else if (operand === 'fields')
      while (rest[0] !== undefined && !rest[0].startsWith('>')) fields.push(field(rest.shift()!));
    else if (operand === 'outputs') while (rest[0]?.startsWith('>')) outputs.push(output(rest.shift()!));
    else if (rest[0] !== undefined) words.push(checked(operand, rest.shift()!));
    else if (!operand.endsWith('?')) throw new InputError(`'${verb}' needs ${VERBS[verb as Verb].join(', ')}`);
  }
  if (rest.length > 0) throw new InputError(`'${verb}' does not take '${rest[0]}'`);
  return { line, source, verb: verb as Verb, words, modes, fields, outputs, text };
}

function checked(operand: Operand, word: string): string {
  const shape = SHAPES[operand.replace('?', '') as Operand];
  if (shape !== undefined && !shape.test(word)) throw new InputError(`'${word}' is not ${shape.what}`);
  return word;
}

function field(word: string): FieldToken {
  const colon = word.indexOf(':');
  const type = word.slice(0, Math.max(colon, 0));
  const text = word.slice(colon + 1);
  if (!FIELD_TYPES.includes(type as FieldType)) throw new InputError(`'${word}' is not a field`);
  const fine =
    type === 'str' || (type === 'hex' ? text.includes('$') || /^([0-9a-f]{2})*$/i.test(text) : isExpression(text));
  if (!fine) throw new InputError(`'${text}' is not a value of type ${type}`);
  return { type: type as FieldType, text };
}

function output(word: string): OutputToken {
  const [, variable, type, offset] = OUTPUT.exec(word) ?? [];
  if (variable === undefined) throw new InputError(`'${word}' is not an output`);
  if (type === undefined) return { variable };
  if (!OUTPUT_TYPES.includes(type as OutputType)) throw new InputError(`'${type}' is not a type of an output`);
  return { variable, at: { type: type as OutputType, offset: Number(offset) } };
}

/** The line behind its first `count` words, as written. */
function afterWords(source: string, count: number): string {
  return source
    .trim()
    .replace(new RegExp(`^(\\S+\\s+){${count - 1}}\\S+`), '')
    .trim();
}
