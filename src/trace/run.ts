/** A running script: one process on one machine, the variables, and what the steps so far have left behind. */
import type { Thread } from '../../sim/scheduler.ts';
import { EventFd } from '../kernel/eventfd.ts';
import type { Process } from '../kernel/process.ts';
import { type Ended, finish, yieldToOthers } from './call.ts';
import { type Handle, Handles } from './handles.ts';
import type { Machine } from './machine.ts';
import type { Outcome } from './outcome.ts';
import { Scratch } from './scratch.ts';
import type { Step, Verb } from './step.ts';
import { Variables } from './variables.ts';
import { ADMINISTRATOR } from './verbs-administrator.ts';
import { EVENTS } from './verbs-events.ts';
import { FILES } from './verbs-files.ts';
import { IOCTLS } from './verbs-ioctl.ts';
import { MEMORY } from './verbs-memory.ts';

/** What a step was about: which file, which request, where. Decoding and comparing need it; recordings do not have it. */
export interface Context {
  readonly handle?: Handle;
  readonly request?: number;
  /** The struct as it was handed to an ioctl. */
  readonly input?: Uint8Array;
  /** File offset of a read, a write or a mapped access. */
  readonly offset?: number;
  /** The plain number handed to an ioctl. */
  readonly argument?: number;
  /** File that was opened, read or written by name. */
  readonly path?: string;
  /** For a look into a buffer: the request whose struct pointed there last. */
  readonly through?: Context;
}

/** Carries out one verb. */
export type Handler = (run: Run, step: Step) => Outcome;

/** A mapping a script made. */
export interface ScriptMapping {
  readonly handle: Handle;
  readonly offset: number;
}

const HANDLERS: Readonly<Record<Verb, Handler>> = { ...FILES, ...IOCTLS, ...MEMORY, ...EVENTS, ...ADMINISTRATOR };

export class Run {
  readonly door: Process;
  readonly variables = new Variables();
  readonly handles = new Handles();
  readonly scratch: Scratch;
  /** File mappings by address. */
  readonly mappings = new Map<number, ScriptMapping>();
  /** Threads of `bg`, and the paths they write. */
  readonly threads = new Map<string, { readonly thread: Thread<number>; readonly path: string }>();
  /** The requests whose structs pointed to a buffer last, by the buffer's variable. */
  readonly filledBy = new Map<string, Context>();
  private context: Context = {};

  constructor(machine: Machine) {
    this.door = machine.process('script');
    // Descriptors that nobody names show as numbers: the recording program held its script and its recording open.
    for (let own = 0; own < 2; own++) this.door.files.install(new EventFd());
    this.scratch = new Scratch(this.door.memory);
  }

  /** Carries out a step. Whatever it throws is a fault of the emulator. */
  execute(step: Step): { readonly outcome: Outcome; readonly context: Context } {
    this.context = {};
    const outcome = HANDLERS[step.verb](this, step);
    yieldToOthers(this.door.scheduler);
    return { outcome, context: this.context };
  }

  /** Tells what the current step is about. */
  about(context: Context): void {
    this.context = { ...this.context, ...context };
  }

  /** Operand `index` as a number below 2^53. */
  number(step: Step, index: number, fallback = 0): number {
    const word = step.words[index];
    return word === undefined ? fallback : Number(this.variables.number(word));
  }

  /** Operand `index` as a file offset (loff_t): at and above 2^63 it is negative. */
  offset(step: Step, index: number): number {
    return Number(BigInt.asIntN(64, this.variables.number(step.words[index]!)));
  }

  /** Operand `index` as a descriptor. */
  descriptor(step: Step, index: number): number {
    return this.variables.descriptor(step.words[index]!);
  }

  /** Sets a variable to a new descriptor, or to -1. */
  opened(variable: string, fd: number, handle: Handle): void {
    this.variables.set(variable, fd < 0 ? -1 : fd);
    this.handles.opened(variable, fd, handle);
  }

  /** Runs a call to its end. */
  finish(call: Parameters<typeof finish>[1]): Ended {
    return finish(this.door.scheduler, call);
  }
}
