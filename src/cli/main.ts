#!/usr/bin/env node
/** The `vfiolab` program. Each command loads only what it needs, so that it starts at once. */
import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { endWithReader } from './closed-pipe.ts';
import { EXIT, report, UsageError } from './errors.ts';
import { VERSION } from './version.ts';

/** Commands by name: each registers itself when it is the one that was asked for, or when help lists them all. */
const COMMANDS: Readonly<Record<string, (program: Command) => Promise<void>>> = {
  check: async (program) => {
    const [{ checkCommand }, { SUBJECTS, subjectNamed }] = await Promise.all([
      import('./check.ts'),
      import('../lab/subject.ts'),
    ]);
    checkCommand(program, { subject: subjectNamed, variants: SUBJECTS.map(({ variant }) => variant.name) });
  },
  merge: async (program) => {
    const { mergeCommand } = await import('./merge.ts');
    mergeCommand(program);
  },
  play: async (program) => {
    const [{ playCommand }, { machineForPlay }] = await Promise.all([
      import('./play.ts'),
      import('./machine-option.ts'),
    ]);
    playCommand(program, { machine: machineForPlay });
  },
  record: async (program) => {
    const [{ recordCommand }, { machineForPlay }] = await Promise.all([
      import('./record.ts'),
      import('./machine-option.ts'),
    ]);
    recordCommand(program, { machine: machineForPlay });
  },
  replay: async (program) => {
    const [{ replayCommand }, { subjectNamed }] = await Promise.all([
      import('./replay.ts'),
      import('../lab/subject.ts'),
    ]);
    replayCommand(program, { subject: subjectNamed });
  },
  show: async (program) => {
    const [{ showCommand }, { subjectNamed }] = await Promise.all([import('./show.ts'), import('../lab/subject.ts')]);
    showCommand(program, { subject: subjectNamed });
  },
  shrink: async (program) => {
    const [{ shrinkCommand }, { subjectNamed }] = await Promise.all([
      import('./shrink.ts'),
      import('../lab/subject.ts'),
    ]);
    shrinkCommand(program, { subject: subjectNamed });
  },
  zoo: async (program) => {
    const [{ zooCommand }, { subjectNamed }] = await Promise.all([import('./zoo.ts'), import('../lab/subject.ts')]);
    const place = new URL(`../../test/defects/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
    zooCommand(program, {
      subject: subjectNamed,
      defects: async () => (existsSync(place) ? await import(place.href) : undefined),
    });
  },
  safeguards: async (program) => {
    const [{ safeguardsCommand }, { SUBJECTS, subjectNamed }] = await Promise.all([
      import('./safeguards.ts'),
      import('../lab/subject.ts'),
    ]);
    safeguardsCommand(program, { subject: subjectNamed, variants: SUBJECTS.map(({ variant }) => variant.name) });
  },
  list: async (program) => {
    const { listCommand } = await import('./list.ts');
    listCommand(program);
  },
  describe: async (program) => {
    const [{ describeCommand }, { DECLARED }] = await Promise.all([
      import('./describe.ts'),
      import('../machine/variants.ts'),
    ]);
    describeCommand(program, { variants: DECLARED });
  },
};

const program = new Command('vfiolab')
  .description("an emulator of Linux's vfio-pci-core that hosts variant drivers and tries to make user data escape")
  .version(VERSION)
  .showHelpAfterError(false)
  .showSuggestionAfterError(false)
  .exitOverride();

/** Commander prints its own sentence; only the exit code is ours. Help and version are no errors. */
function ended(error: unknown): void {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.HELD : EXIT.USAGE;
  else report(error);
}

/** Commander would answer both of these with a page of help as an error. */
function checkCommandGiven(first: string | undefined, second: string | undefined): void {
  const names = Object.keys(COMMANDS).join(', ');
  if (first === undefined) throw new UsageError(`A command is needed: ${names}; --help explains them.`);
  if (first === 'help' && second !== undefined && !second.startsWith('-') && !Object.hasOwn(COMMANDS, second))
    throw new UsageError(`There is no command called ${second}; there is ${names}.`);
}

for (const stream of [process.stdout, process.stderr]) endWithReader(stream);

const asked = process.argv[2] ?? '';
try {
  checkCommandGiven(process.argv[2], process.argv[3]);
  const one = Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  for (const register of one ? [one] : Object.values(COMMANDS)) await register(program);
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync();
} catch (error) {
  ended(error);
}
