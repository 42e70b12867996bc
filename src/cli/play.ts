/** `play` holds the emulator against recordings of a kernel; `record` makes a recording of the emulator. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import {
  differenceText,
  type FileResult,
  fileLine,
  findScripts,
  InputError,
  jsonReport,
  loadScript,
  loadTrace,
  type Machine,
  playTrace,
  recordScript,
  totalLine,
  totalsOf,
} from '../trace/index.ts';

/** Exit codes of both commands. */
const EXIT = { IDENTICAL: 0, DIFFERENT: 1, UNUSABLE_INPUT: 2, FAULT: 3 } as const;

/** Where a command writes, and how it ends. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether progress may be shown on `err`. */
  readonly live: boolean;
  exit(code: number): void;
}

/** What the commands are given. */
export interface PlayDependencies {
  /** A freshly booted machine, by the name or the file of its description. Throws {@link InputError} for others. */
  machine(name: string): Machine;
  /** The standard streams unless a test says otherwise. */
  readonly terminal?: Terminal;
}

interface PlayOptions {
  readonly machine: string;
  readonly only?: string;
  readonly first?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

interface RecordOptions {
  readonly machine: string;
  readonly output?: string;
}

const STANDARD: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  live: process.stderr.isTTY === true,
  exit: (code) => {
    process.exitCode = code;
  },
};

/** Registers `play` and `record`. */
export function playCommand(program: Command, deps: PlayDependencies): void {
  const terminal = deps.terminal ?? STANDARD;
  program
    .command('play')
    .description('play recorded scripts of system calls and compare every answer')
    .argument('[paths...]', 'scripts (*.vs, with the recording *.jsonl beside) or folders of them')
    .option('--machine <name|file>', 'the machine to play on', 'recorded')
    .option('--only <name>', 'only scripts whose name contains this')
    .option('--first', 'stop at the first difference')
    .option('--all', 'show every difference, not only the first of each file')
    .option('--json', 'print one JSON object')
    .option('--seed <number>', 'accepted for symmetry with the other commands; traces are deterministic')
    .action((paths: string[], options: PlayOptions) => guarded(terminal, () => play(paths, options, deps, terminal)));
  program
    .command('record')
    .description('run a script and write what the emulator answers')
    .argument('<script>', 'the script (*.vs)')
    .option('--machine <name|file>', 'the machine to run on', 'recorded')
    .option('-o, --output <file>', 'the recording to write (default: standard output)')
    .action((script: string, options: RecordOptions) =>
      guarded(terminal, () => record(script, options, deps, terminal)),
    );
}

/** Runs a command and turns what it throws into an exit code. */
function guarded(terminal: Terminal, command: () => number): void {
  try {
    terminal.exit(command());
  } catch (error) {
    if (error instanceof InputError) {
      terminal.err(`${error.message}\n`);
      terminal.exit(EXIT.UNUSABLE_INPUT);
      return;
    }
    terminal.err(`the emulator failed: ${stackOf(error)}\n`);
    terminal.exit(EXIT.FAULT);
  }
}

function play(paths: readonly string[], options: PlayOptions, deps: PlayDependencies, terminal: Terminal): number {
  if (paths.length === 0) throw new InputError('play needs the path of a script or of a folder of scripts');
  const traces = findScripts(paths, options.only).map(loadTrace);
  const results: FileResult[] = [];
  for (const [index, trace] of traces.entries()) {
    if (terminal.live && !options.json) terminal.err(`\r\x1b[K[${index + 1}/${traces.length}] ${trace.file}`);
    const result = playTrace(trace, () => deps.machine(options.machine), options.first);
    results.push(result);
    if (terminal.live && !options.json) terminal.err('\r\x1b[K');
    if (!options.json) show(result, options, terminal);
    if (result.fault !== undefined) {
      const { step, error } = result.fault;
      terminal.err(`${trace.file}:${step.line}: the emulator failed: ${stackOf(error)}\n`);
    }
    if (options.first && result.different > 0) break;
  }
  terminal.out(options.json ? `${JSON.stringify(jsonReport(results))}\n` : totalLine(totalsOf(results)));
  if (results.some(({ fault }) => fault !== undefined)) return EXIT.FAULT;
  return results.some(({ different }) => different > 0) ? EXIT.DIFFERENT : EXIT.IDENTICAL;
}

function show(result: FileResult, { all }: PlayOptions, terminal: Terminal): void {
  terminal.out(fileLine(result));
  for (const difference of all ? result.differences : result.differences.slice(0, 1))
    terminal.out(differenceText(result.file, difference));
}

function record(script: string, options: RecordOptions, deps: PlayDependencies, terminal: Terminal): number {
  const recording = recordScript(loadScript(script), deps.machine(options.machine));
  if (options.output === undefined) terminal.out(recording);
  else writeRecording(options.output, recording);
  return EXIT.IDENTICAL;
}

function writeRecording(file: string, recording: string): void {
  try {
    writeFileSync(file, recording);
  } catch (error) {
    throw new InputError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
