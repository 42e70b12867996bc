/** Plays one script on a machine and holds every answer against the recorded one. */
import { compare } from './compare.ts';
import { describeCall } from './describe-call.ts';
import { type Difference, describeDifference } from './difference.ts';
import { InputError } from './input-error.ts';
import type { Machine } from './machine.ts';
import { type MachineView, masksFor } from './not-compared.ts';
import { formatAnswer, type Recorded } from './recording.ts';
import { Run } from './run.ts';
import type { Step } from './step.ts';

/** A script with its recording. */
export interface Trace {
  readonly file: string;
  readonly steps: readonly Step[];
  readonly recorded: readonly Recorded[];
}

/** How a script compares. identical + different + notCompared = steps. */
export interface FileResult {
  readonly file: string;
  steps: number;
  identical: number;
  different: number;
  notCompared: number;
  readonly differences: Difference[];
  /** What the emulator threw, with the step that made it; the play ends there. */
  fault?: { readonly step: Step; readonly error: unknown };
}

/** Plays `trace` on a fresh machine. */
export function playTrace(trace: Trace, machine: () => Machine): FileResult {
  const result: FileResult = {
    file: trace.file,
    steps: 0,
    identical: 0,
    different: 0,
    notCompared: 0,
    differences: [],
  };
  let started: { machine: Machine; run: Run } | undefined;
  for (const [index, step] of trace.steps.entries()) {
    const { outcome: expected } = trace.recorded[index]!;
    result.steps++;
    try {
      started ??= start(machine());
      const { outcome: actual, context } = started.run.execute(step);
      const masks = masksFor(context, expected, viewOf(started.machine, started.run));
      const { verdict, fields } = compare(expected, actual, masks);
      result[verdict]++;
      if (verdict !== 'different') continue;
      const device = context.handle?.device;
      const config = device === undefined ? undefined : started.machine.configSpace(device);
      result.differences.push(describeDifference(step, context, { expected, actual }, fields, { masks, config }));
    } catch (error) {
      if (error instanceof InputError) throw error;
      result.different++;
      result.fault = { step, error };
      result.differences.push(faulted(step, expected, error));
      return result;
    }
  }
  return result;
}

/** Runs a script and gives the recording of what the emulator answers. */
export function recordScript(steps: readonly Step[], machine: Machine): string {
  const run = new Run(machine);
  return steps.map((step) => formatAnswer(step, run.execute(step).outcome)).join('');
}

function start(machine: Machine): { machine: Machine; run: Run } {
  return { machine, run: new Run(machine) };
}

function viewOf(machine: Machine, { door }: Run): MachineView {
  return {
    liveRegisters: (bdf) => machine.liveRegisters(bdf),
    configSpace: (bdf) => machine.configSpace(bdf),
    isVirtual: (bdf) => typeof door.readlink(`/sys/bus/pci/devices/${bdf}/physfn`) === 'string',
  };
}

function faulted(step: Step, expected: Recorded['outcome'], error: unknown): Difference {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const fields = [{ name: 'fault', expected: undefined, actual: message }];
  const [n, call] = [step.line, describeCall(step, {})];
  return { n, step: step.source, call, expected, actual: {}, fields, agreed: [] };
}
