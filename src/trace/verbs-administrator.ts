/** What an administrator does around the calls of a user: sysfs, driver binding, limits. */
import type { Task } from '../../sim/scheduler.ts';
import { bind, lookUp, lookUpMdev } from './bind.ts';
import { MILLISECOND, waitFor } from './call.ts';
import { answer, answerNow, type Outcome } from './outcome.ts';
import type { Handler, Run } from './run.ts';
import type { Step } from './step.ts';
import { readFile, writeFile } from './sysfs.ts';

function sysread(run: Run, step: Step): Outcome {
  const path = run.variables.expand(step.words[0]!);
  run.about({ path });
  const { ended, text } = readFile(run, path);
  for (const { variable } of step.outputs) run.variables.set(variable, text);
  return ended.ret !== undefined && ended.ret >= 0 ? { ...answer(ended), text } : answer(ended);
}

function syswrite(run: Run, step: Step): Outcome {
  const path = run.variables.expand(step.words[0]!);
  run.about({ path });
  return answer(writeFile(run, path, run.variables.expand(step.text)));
}

/** Starts a thread that writes a file; it runs while the script goes on. */
function bg(run: Run, step: Step): Outcome {
  const [path, text] = [run.variables.expand(step.words[1]!), run.variables.expand(step.text)];
  const thread = run.door.scheduler.spawn(`bg ${step.words[0]}`, writeInThread(run, path, text));
  run.threads.set(step.words[0]!, { thread, path });
  run.about({ path });
  return {};
}

function* writeInThread({ door }: Run, path: string, text: string): Task<number> {
  const fd = door.open(path, { read: false, write: true, nonblock: false });
  if (fd < 0) return fd;
  const bytes = Buffer.from(text);
  // The script's scratch memory belongs to the steps that run meanwhile.
  const address = door.memory.allocate(bytes.length);
  door.memory.write(address, bytes);
  const call = door.writeCall(fd, address, bytes.length, undefined);
  const ret = typeof call === 'number' ? call : yield* call;
  const closing = door.closeCall(fd);
  if (typeof closing !== 'number') yield* closing;
  return ret;
}

function bgwait(run: Run, step: Step): Outcome {
  const started = run.threads.get(step.words[0]!);
  if (started === undefined) return { done: 0 };
  const { thread, path } = started;
  run.about({ path });
  waitFor(run.door.scheduler, run.number(step, 1) * MILLISECOND, () => thread.done);
  return thread.done ? { done: 1, ...answerNow(thread.result!) } : { done: 0 };
}

function rlimit(run: Run, step: Step): Outcome {
  run.door.memlockLimit = run.number(step, 0);
  return { ret: 0 };
}

function binding(run: Run, { words: [variable, word, driver] }: Step): Outcome {
  const bdf = run.variables.expand(word!);
  const ended = bind(run, bdf, driver ?? 'vfio-pci');
  lookUp(run, variable!, bdf);
  return answer(ended);
}

function unbind(run: Run, step: Step): Outcome {
  const bdf = run.variables.expand(step.words[0]!);
  return answer(writeFile(run, `/sys/bus/pci/devices/${bdf}/driver/unbind`, bdf));
}

function devinfo(run: Run, { words: [variable, word] }: Step): Outcome {
  lookUp(run, variable!, run.variables.expand(word!));
  return {};
}

function mdev(run: Run, { words: [variable, path] }: Step): Outcome {
  lookUpMdev(run, variable!, run.variables.expand(path!));
  return {};
}

export const ADMINISTRATOR = {
  sysread,
  syswrite,
  bg,
  bgwait,
  rlimit,
  bind: binding,
  unbind,
  devinfo,
  mdev,
} satisfies Record<string, Handler>;
