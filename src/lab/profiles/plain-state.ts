/** The state of a model that keeps it in plain fields, as text: what the lab compares where a subject has no digest. */

/** Fields that lead to the hardware around a model, and not to its state. */
const AROUND = new Set(['ports', 'config', 'physical']);

/** Numbers, truth values, texts, bytes, and lists, maps and tables of these, in the order of the fields. */
export function plainState(model: object): Uint8Array {
  const fields = Object.entries(model).filter(([name]) => !AROUND.has(name));
  return Buffer.from(fields.map(([name, value]) => `${name}=${textOf(value)}`).join(';'));
}

function textOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) return hex(value);
  if (Array.isArray(value)) return `[${value.map(textOf)}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${textOf(key)}:${textOf(item)}`)}}`;
  if (value instanceof Set) return `{${[...value].map(textOf)}}`;
  if (typeof value === 'function' || (typeof value === 'object' && value !== null && !isTable(value))) return '';
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value).map(([name, item]) => `${name}:${textOf(item)}`)}}`;
  return String(value);
}

const isTable = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;
const hex = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');
