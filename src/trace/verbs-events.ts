/** eventfds, variables, and time. */
import { viewOf } from '../kernel/bytes.ts';
import { EventFd } from '../kernel/eventfd.ts';
import { ERRNO } from '../uapi/errno.ts';
import { MILLISECOND, pass, waitFor } from './call.ts';
import { answer, answerDescriptor, answerNow, type Outcome } from './outcome.ts';
import type { Handler, Run } from './run.ts';
import type { Step } from './step.ts';

/** eventfd2(init, EFD_NONBLOCK). */
function eventfd(run: Run, step: Step): Outcome {
  const file = new EventFd(BigInt(run.number(step, 1)));
  file.nonblock = true;
  const fd = run.door.files.install(file);
  run.opened(step.words[0]!, fd, { kind: 'eventfd' });
  return answerDescriptor(fd);
}

/** Takes the count; waits for one if a time is given. */
function efdread(run: Run, step: Step): Outcome {
  const fd = run.descriptor(step, 0);
  let ret = 0;
  waitFor(run.door.scheduler, run.number(step, 1) * MILLISECOND, () => {
    ret = run.door.read(fd, run.scratch.room(8), 8);
    return ret !== -ERRNO.EAGAIN;
  });
  if (ret < 0) return { count: 0, errno: answerNow(ret).errno! };
  const bytes = run.scratch.read(8);
  return { count: Number(viewOf(bytes).getBigUint64(0, true)) };
}

function efdwrite(run: Run, step: Step): Outcome {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt.asUintN(64, run.variables.number(step.words[1]!)), true);
  return answer(run.finish(run.door.writeCall(run.descriptor(step, 0), run.scratch.place(bytes), 8, undefined)));
}

function sleep(run: Run, step: Step): Outcome {
  pass(run.door.scheduler, run.number(step, 0) * MILLISECOND);
  return {};
}

function set(run: Run, step: Step): Outcome {
  run.variables.set(step.words[0]!, run.variables.number(step.words[1]!));
  return {};
}

function setstr(run: Run, step: Step): Outcome {
  run.variables.set(step.words[0]!, run.variables.expand(step.text));
  return {};
}

export const EVENTS = { eventfd, efdread, efdwrite, sleep, set, setstr } satisfies Record<string, Handler>;
