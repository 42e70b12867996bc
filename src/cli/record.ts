/** `vfiolab record SCRIPT...`: writes what the emulator answers, in the form in which the kernel was recorded. */
import type { Command } from 'commander';
import { findScripts, InputError, loadScript, recordScript } from '../trace/index.ts';
import { EXIT } from './errors.ts';
import { wholeNumber } from './parse.ts';
import type { ScriptDependencies } from './play.ts';
import { isTaken, recordingFiles, writeWhole } from './recording-files.ts';
import { guarded, STANDARD, type Terminal } from './terminal.ts';

interface RecordOptions {
  readonly machine: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `--out -`. */
const STANDARD_OUTPUT = '-';

const EXPLANATION = `
A recording is one JSON object a step, as play reads it. Without --out it is written beside its script; "--out -" prints
that of a single script. A file that exists is never touched without --force, and none is ever half written.

Exit code: 0 everything is recorded, 2 the input cannot be used, 3 the emulator failed.`;

/** Registers `record`. */
export function recordCommand(program: Command, deps: ScriptDependencies): void {
  const terminal = deps.terminal ?? STANDARD;
  program
    .command('record')
    .description('run scripts of system calls and write down what the emulator answers')
    .argument('[scripts...]', 'scripts (*.vs) or folders of them')
    .option('--machine <name|file>', 'the machine to run on', 'recorded')
    .option('-o, --out <folder|file>', 'where to write (default: beside each script)')
    .option('--force', 'replace recordings that exist')
    .option('--json', 'print one JSON object')
    .option('--seed <n>', 'accepted everywhere; changes nothing here', wholeNumber(0))
    .addHelpText('after', EXPLANATION)
    .action((scripts: string[], options: RecordOptions) =>
      guarded(terminal, () => record(scripts, options, deps, terminal)),
    );
}

function record(
  paths: readonly string[],
  options: RecordOptions,
  deps: ScriptDependencies,
  terminal: Terminal,
): number {
  if (paths.length === 0) throw new InputError('record needs the path of a script or of a folder of scripts');
  const scripts = findScripts(paths).map((script) => ({ script, steps: loadScript(script) }));
  const run = (steps: ReturnType<typeof loadScript>): string => recordScript(steps, deps.machine(options.machine));
  if (options.out === STANDARD_OUTPUT) {
    if (scripts.length > 1 || options.json)
      throw new InputError('--out - prints the recording of one script and nothing else');
    terminal.out(run(scripts[0]!.steps));
    return EXIT.HELD;
  }
  const files = recordingFiles(
    scripts.map(({ script }) => script),
    options.out,
  );
  const taken = options.force ? undefined : files.find(isTaken);
  if (taken !== undefined) throw new InputError(`${taken} exists already; --force replaces it`);
  const recordings = scripts.map(({ script, steps }, index) => {
    const file = files[index]!;
    writeWhole(file, run(steps), options.force === true);
    if (!options.json) terminal.out(`${file} ${steps.length} steps\n`);
    return { script, file, steps: steps.length };
  });
  if (options.json) terminal.out(`${JSON.stringify({ machine: options.machine, recordings })}\n`);
  return EXIT.HELD;
}
