/** `vfiolab play PATH...`: holds the emulator against recordings of a kernel. */
import { type Command, InvalidArgumentError } from 'commander';
import {
  differenceText,
  type FileResult,
  fileLine,
  findScripts,
  InputError,
  jsonReport,
  loadTrace,
  type Machine,
  playTrace,
  totalLine,
  totalsOf,
} from '../trace/index.ts';
import { EXIT } from './errors.ts';
import { wholeNumber } from './parse.ts';
import { guarded, STANDARD, stackOf, type Terminal } from './terminal.ts';

/** What the commands that run scripts are given. */
export interface ScriptDependencies {
  /** A freshly booted machine, by the name or the file of its description. Throws {@link InputError} for others. */
  machine(name: string): Machine;
  /** The standard streams unless a test says otherwise. */
  readonly terminal?: Terminal;
}

interface PlayOptions {
  readonly machine: string;
  readonly only?: string;
  readonly first?: number | true;
  readonly json?: boolean;
}

const EXPLANATION = `
Each script is played on a machine of its own. For every answer that is not the recorded one, play shows the line of
the script, the call with its struct decoded, the rule with the kernel function behind it, and both answers by name;
"!" marks what differs.

Exit code: 0 all answers are the same, 1 some differ, 2 the input cannot be used, 3 the emulator failed.`;

/** Registers `play`. */
export function playCommand(program: Command, deps: ScriptDependencies): void {
  const terminal = deps.terminal ?? STANDARD;
  program
    .command('play')
    .description('play recorded scripts of system calls and compare every answer')
    .argument('[paths...]', 'scripts (*.vs, with the recording *.jsonl beside) or folders of them')
    .option('--machine <name|file>', 'the machine to play on', 'recorded')
    .option('--only <pattern>', 'only scripts with this in their name; with * or ? it is a pattern of the whole name')
    .option('--first [n]', 'of each file, show only the first n differences (1 if no number is given)', count)
    .option('--json', 'print one JSON object')
    .option('--seed <n>', 'accepted everywhere; changes nothing here', wholeNumber(0))
    .addHelpText('after', EXPLANATION)
    .action((paths: string[], options: PlayOptions) => guarded(terminal, () => play(paths, options, deps, terminal)));
}

/** A path that follows `--first` is taken for its number. */
function count(text: string): number {
  try {
    return wholeNumber(1)(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`${error.message} Paths go before --first.`);
  }
}

function play(paths: readonly string[], options: PlayOptions, deps: ScriptDependencies, terminal: Terminal): number {
  if (paths.length === 0) throw new InputError('play needs the path of a script or of a folder of scripts');
  const traces = findScripts(paths, options.only).map(loadTrace);
  const limit = options.first === true ? 1 : (options.first ?? Number.POSITIVE_INFINITY);
  const isLive = terminal.live && !options.json;
  const results: FileResult[] = [];
  for (const [index, trace] of traces.entries()) {
    if (isLive) terminal.err(`\r\x1b[K[${index + 1}/${traces.length}] ${trace.file}`);
    const result = playTrace(trace, () => deps.machine(options.machine));
    results.push(result);
    if (isLive) terminal.err('\r\x1b[K');
    if (!options.json) show(result, limit, terminal);
    if (result.fault !== undefined) {
      const { step, error } = result.fault;
      terminal.err(`${trace.file}:${step.line}: the emulator failed: ${stackOf(error)}\n`);
    }
  }
  terminal.out(options.json ? `${JSON.stringify(jsonReport(results, limit))}\n` : totalLine(totalsOf(results)));
  if (results.some(({ fault }) => fault !== undefined)) return EXIT.FAULT;
  return results.some(({ different }) => different > 0) ? EXIT.VIOLATED : EXIT.HELD;
}

function show(result: FileResult, limit: number, terminal: Terminal): void {
  const { file, differences } = result;
  terminal.out(fileLine(result));
  for (const difference of differences.slice(0, limit)) terminal.out(differenceText(file, difference));
  const rest = differences.length - limit;
  if (rest > 0) terminal.out(`${file}: ${rest} more ${rest === 1 ? 'difference is' : 'differences are'} not shown\n`);
}
