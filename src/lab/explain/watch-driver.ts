/** What the VFIO core asks of the variant driver, and the driver of its parent. */
import type { ParentEvent } from '../../variant/interaction.ts';
import type { VfioDevice } from '../../vfio/device.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import type { Chronicle } from './chronicle.ts';
import { answerText, hex } from './words.ts';

/** Callbacks of the driver that say something on their own: an access to a region only passes through. */
const CALLBACKS = new Set(['open_device', 'close_device', 'device_feature', 'dma_unmap', 'request']);
const MIGRATION = new Set(['migration_set_state', 'migration_get_data_size']);
const LOGGING = new Set(['log_start', 'log_stop', 'log_read_and_clear']);

/** Puts an ear between the core and the driver of one device; before it is opened. */
export function watchDriver(chronicle: Chronicle, device: VfioDevice): void {
  // The callbacks are one table for all devices of a driver, so the device gets a table of its own in front of it.
  Object.assign(device, { ops: listening(chronicle, device.ops, CALLBACKS) });
  if (device.migOps !== undefined) device.migOps = listening(chronicle, device.migOps, MIGRATION);
  if (device.logOps !== undefined) device.logOps = listening(chronicle, device.logOps, LOGGING);
}

function listening<T extends object>(chronicle: Chronicle, table: T, names: ReadonlySet<string>): T {
  return new Proxy(table, {
    get(target, name) {
      const callback = Reflect.get(target, name) as unknown;
      if (typeof callback !== 'function' || typeof name !== 'string' || !names.has(name)) return callback;
      return (...args: unknown[]) => {
        const call = (): unknown => Reflect.apply(callback, target, args);
        const text = `${name}(${name === 'migration_set_state' ? stateText(args[1]) : ''})`;
        return chronicle.around({ from: 'VFIO', to: 'variant', text, sort: name }, call, resultText);
      };
    },
  });
}

const stateText = (state: unknown): string => STATE_NAMES[Number(state)] ?? String(state);

function resultText(result: unknown): string {
  if (typeof result === 'number') return answerText(result);
  if (typeof result === 'bigint') return hex(Number(result));
  return typeof result === 'object' && result !== null ? 'a data file' : '0';
}

/** Calls to the parent, by an observer: `enter` and `leave` of one call find each other by device and name. */
export function parentEar(chronicle: Chronicle): (event: ParentEvent) => void {
  const open: { subject: string; interaction: string; number: number }[] = [];
  let next = -1;
  return ({ subject, interaction, args, phase, result }) => {
    const sort = `parent ${interaction}`;
    if (phase === 'enter') {
      const number = next--;
      open.push({ subject, interaction, number });
      chronicle.add('call', { from: 'variant', to: 'parent', text: `${interaction}(${argsText(args)})`, sort }, number);
      return;
    }
    const at = open.findLastIndex((call) => call.subject === subject && call.interaction === interaction);
    const number = open.splice(at, 1)[0]?.number;
    const text = valueText(result);
    chronicle.add('answer', { from: 'parent', to: 'variant', text, sort: `answer of ${sort}` }, number);
  };
}

const argsText = (args: Readonly<Record<string, unknown>>): string =>
  Object.entries(args)
    .map(([name, value]) => `${name}: ${valueText(value)}`)
    .join(', ');

/** A value of an interaction; what is large is only named. */
function valueText(value: unknown): string {
  if (typeof value === 'number') return value < 0 ? answerText(value) : value > 9 ? hex(value) : String(value);
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === undefined) return '0';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `[${value.length}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const plain = Object.entries(value).filter(([, part]) => PLAIN.has(typeof part));
  return plain.length === 0 ? '...' : `{ ${plain.map(([name, part]) => `${name}: ${valueText(part)}`).join(', ')} }`;
}
const PLAIN = new Set(['number', 'bigint', 'boolean', 'string']);
