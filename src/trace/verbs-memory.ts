/** Memory of the process: buffers, mappings of files, and looking at both. */
import { viewOf } from '../kernel/bytes.ts';
import { toHex } from './bytes.ts';
import { encodeFields } from './encode-fields.ts';
import { answerDescriptor, answerNow, type Outcome } from './outcome.ts';
import type { Handler, Run } from './run.ts';
import type { Step } from './step.ts';

function buf(run: Run, step: Step): Outcome {
  const length = run.number(step, 1);
  const address = run.door.memory.allocate(length);
  run.variables.set(step.words[0]!, address);
  const fill = run.number(step, 2);
  if (fill !== 0) run.door.memory.write(address, new Uint8Array(length).fill(fill));
  return { ret: 'ptr' };
}

function memfd(run: Run, step: Step): Outcome {
  const fd = run.door.memfd(run.number(step, 1));
  run.opened(step.words[0]!, fd, { kind: 'memory' });
  return answerDescriptor(fd);
}

function mmap(run: Run, step: Step): Outcome {
  const [variable, , , , protection] = step.words;
  const fd = run.descriptor(step, 1);
  const offset = run.offset(step, 2);
  const handle = run.handles.at(fd, step.words[1]);
  run.about({ handle, offset });
  const address = run.door.mmap(fd, offset, run.number(step, 3), {
    read: protection!.includes('r'),
    write: protection!.includes('w'),
    shared: !step.modes.includes('private'),
  });
  run.variables.set(variable!, address < 0 ? -1 : address);
  if (address < 0) return answerNow(address);
  run.mappings.set(address, { handle, offset });
  return { ret: 'ptr' };
}

function munmap(run: Run, step: Step): Outcome {
  const address = addressOf(run, step);
  run.mappings.delete(address);
  return answerNow(run.door.munmap(address));
}

/** Removes the mappings of files and answers how many there were; buffers stay. */
function munmapall(run: Run): Outcome {
  const count = run.mappings.size;
  for (const address of run.mappings.keys()) run.door.munmap(address);
  run.mappings.clear();
  return { ret: count };
}

function peek(run: Run, step: Step): Outcome {
  const [offset, width] = [run.number(step, 1), run.number(step, 2)];
  const bytes = run.door.memory.read(access(run, step, offset), width);
  if (bytes === undefined) return fault(run, addressOf(run, step) + offset);
  const hex = toHex(Uint8Array.from(bytes).reverse());
  return { ret: 0, value: `0x${BigInt(`0x${hex || '0'}`).toString(16)}` };
}

function poke(run: Run, step: Step): Outcome {
  const [offset, width] = [run.number(step, 1), run.number(step, 2)];
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt.asUintN(64, run.variables.number(step.words[3]!)), true);
  const fine = run.door.memory.write(access(run, step, offset), bytes.subarray(0, width));
  return fine ? { ret: 0 } : fault(run, addressOf(run, step) + offset);
}

/** The address of an access; tells what the access is about if it goes to a mapping of a file. */
function access(run: Run, step: Step, offset: number): number {
  const address = addressOf(run, step);
  const mapping = run.mappings.get(address);
  if (mapping !== undefined) run.about({ handle: mapping.handle, offset: mapping.offset + offset });
  return address + offset;
}

/** SIGBUS when a mapping is there and its file gives no page, SIGSEGV when there is none. */
function fault(run: Run, address: number): Outcome {
  const mapped = run.door.memory.all.some(({ start, length }) => address >= start && address < start + length);
  return { ret: -1, signal: mapped ? 'SIGBUS' : 'SIGSEGV' };
}

function put(run: Run, step: Step): Outcome {
  const { bytes } = encodeFields(step.fields, run.variables);
  run.door.memory.write(addressOf(run, step) + run.number(step, 1), bytes);
  return {};
}

function dump(run: Run, step: Step): Outcome {
  const through = run.filledBy.get(step.words[0]!);
  if (through !== undefined) run.about({ through });
  const length = run.number(step, 2);
  const bytes = run.door.memory.read(addressOf(run, step) + run.number(step, 1), length);
  return bytes === undefined ? { signal: 'SIGSEGV' } : { data: toHex(bytes) };
}

function addressOf(run: Run, step: Step): number {
  return Number(run.variables.number(`$${step.words[0]!}`));
}

export const MEMORY = { buf, memfd, mmap, munmap, munmapall, peek, poke, put, fill: put, dump } satisfies Record<
  string,
  Handler
>;
