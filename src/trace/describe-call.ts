/** A step in words: the file it went to, the place, the struct. */
import { toHex } from './bytes.ts';
import { decodeStruct } from './decode.ts';
import { configPosition, placeOf } from './place.ts';
import { registerAt } from './registers.ts';
import { requestName } from './requests.ts';
import type { Context } from './run.ts';
import type { Step } from './step.ts';
import { ARGUMENTS, namesOf } from './value-names.ts';

/** The call in words; `config` is the configuration space of the function it went to. */
export function describeCall({ verb, words }: Step, context: Context, config?: Uint8Array): string {
  const { handle, request, input, offset, argument, path, through } = context;
  const parts: string[] = [verb];
  if (request !== undefined) parts.push(requestName(handle?.kind ?? 'other', request) ?? words[1]!);
  if (path !== undefined) parts.push(path);
  if (handle !== undefined) parts.push(`on ${handle.kind}${handle.device === undefined ? '' : ` ${handle.device}`}`);
  if (offset !== undefined) parts.push(`at ${place(context, verb === 'probe' ? undefined : config)}`);
  if (argument !== undefined) parts.push(`with ${argumentText(request!, argument)}`);
  if (request !== undefined && input !== undefined && input.length > 0) {
    const fields = decodeStruct(toHex(input), handle?.kind, request, 'in');
    parts.push(`{ ${fields.map(({ name, value }) => `${name}: ${value}`).join(', ')} }`);
  }
  if (through !== undefined) parts.push(`of $${words[0]}, filled by ${describeFilling(through)}`);
  return parts.join(' ');
}

function describeFilling({ handle, request }: Context): string {
  return requestName(handle?.kind ?? 'other', request!) ?? `0x${request!.toString(16)}`;
}

function argumentText(request: number, argument: number): string {
  const naming = ARGUMENTS[request];
  const name = naming === undefined ? undefined : namesOf(naming, argument);
  return name === undefined ? String(argument) : `${argument} ${name}`;
}

function place({ handle, offset = 0 }: Context, config: Uint8Array | undefined): string {
  const isDevice = handle?.kind === 'device';
  const position = handle?.kind === 'config' ? offset : isDevice ? configPosition(offset) : undefined;
  const text = isDevice ? placeOf(offset) : `0x${offset.toString(16)}`;
  if (config === undefined || position === undefined || position < 0) return text;
  const { name } = registerAt(config, position);
  return name.startsWith('0x') ? text : `${text} ${name}`;
}
