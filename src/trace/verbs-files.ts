/** open, close, dup, read, write and their like. */

import { POLL } from '../kernel/file.ts';
import { toHex } from './bytes.ts';
import { MILLISECOND, waitFor } from './call.ts';
import { encodeFields } from './encode-fields.ts';
import { answer, answerDescriptor, type Outcome } from './outcome.ts';
import { probe } from './probe.ts';
import type { Handler, Run } from './run.ts';
import type { Step } from './step.ts';

/** Bits of poll a script asks for; ERR and HUP come unasked. */
const ASKED = POLL.IN | POLL.OUT;
/** POLLNVAL: the number is not open. */
const POLL_NVAL = 0x20;

function open(run: Run, { words: [variable, path], modes }: Step): Outcome {
  const name = run.variables.expand(path!);
  const fd = run.door.open(name, {
    read: !modes.includes('wo'),
    write: !modes.includes('ro'),
    nonblock: modes.includes('nonblock'),
  });
  const handle = run.handles.ofPath(name);
  run.opened(variable!, fd, handle);
  run.about({ handle, path: name });
  return answerDescriptor(fd);
}

function close(run: Run, step: Step): Outcome {
  const fd = run.descriptor(step, 0);
  const ended = run.finish(run.door.closeCall(fd));
  run.about({ handle: run.handles.at(fd, step.words[0]) });
  run.handles.delete(fd);
  return answer(ended);
}

function dup(run: Run, step: Step): Outcome {
  const old = run.descriptor(step, 1);
  const fd = run.door.dup(old);
  run.opened(step.words[0]!, fd, run.handles.at(old, step.words[1]));
  run.about({ handle: run.handles.at(old, step.words[1]) });
  return answerDescriptor(fd);
}

/** `position` is the operand that holds the offset, or undefined for read. */
function reading(run: Run, step: Step, position: number | undefined): Outcome {
  const fd = run.descriptor(step, 0);
  const offset = position === undefined ? undefined : run.offset(step, position);
  const length = run.number(step, position === undefined ? 1 : 2);
  const ended = run.finish(run.door.readCall(fd, run.scratch.room(length), length, offset));
  const data = ended.ret !== undefined && ended.ret > 0 ? toHex(run.scratch.read(ended.ret)) : '';
  for (const { variable } of step.outputs) run.variables.set(variable, data);
  const handle = run.handles.at(fd, step.words[0]);
  run.about(offset === undefined ? { handle } : { handle, offset });
  return data === '' ? answer(ended) : { ...answer(ended), data };
}

function writing(run: Run, step: Step, position: number | undefined): Outcome {
  const fd = run.descriptor(step, 0);
  const offset = position === undefined ? undefined : run.offset(step, position);
  const { bytes } = encodeFields(step.fields, run.variables);
  const handle = run.handles.at(fd, step.words[0]);
  run.about(offset === undefined ? { handle, input: bytes } : { handle, input: bytes, offset });
  return answer(run.finish(run.door.writeCall(fd, run.scratch.place(bytes), bytes.length, offset)));
}

/** poll(2) on one descriptor: a negative number is skipped, one that is not open is reported. */
function poll(run: Run, step: Step): Outcome {
  const fd = run.descriptor(step, 0);
  run.about({ handle: run.handles.at(fd, step.words[0]) });
  const look = (): number => {
    if (fd < 0) return 0;
    const bits = run.door.poll(fd);
    return bits < 0 ? POLL_NVAL : bits & (ASKED | POLL.ERR | POLL.HUP);
  };
  waitFor(run.door.scheduler, run.number(step, 1) * MILLISECOND, () => look() !== 0);
  const revents = look();
  return { ret: revents === 0 ? 0 : 1, revents };
}

function probing(run: Run, step: Step): Outcome {
  const [base, start, end, width] = [1, 2, 3, 4].map((index) => run.number(step, index)) as [
    number,
    number,
    number,
    number,
  ];
  const fd = run.descriptor(step, 0);
  run.about({ handle: run.handles.at(fd, step.words[0]), offset: base });
  return { probe: probe(run, { fd, base, start, end, width, step: run.number(step, 5, width) }) };
}

export const FILES = {
  open,
  close,
  dup,
  pread: (run, step) => reading(run, step, 1),
  read: (run, step) => reading(run, step, undefined),
  pwrite: (run, step) => writing(run, step, 1),
  write: (run, step) => writing(run, step, undefined),
  poll,
  probe: probing,
} satisfies Record<string, Handler>;
