/** `vfiolab describe VARIANT`: the dossier of a variant driver, as its reviewers ask for it. */
import type { Command } from 'commander';
import { dossierOf } from '../variant/dossier.ts';
import { dossierMarkdown, dossierText } from '../variant/dossier-render.ts';
import type { DeclaredVariant } from '../variant/variant.ts';
import type { Terminal } from './terminal.ts';

/** Exit code for a variant or a combination of options that does not exist, as in the other commands. */
const UNUSABLE_INPUT = 2;

/** What the command is given. */
export interface DescribeDependencies {
  readonly variants: readonly DeclaredVariant[];
  /** The standard streams unless a test says otherwise. */
  readonly terminal?: Pick<Terminal, 'out' | 'err' | 'exit'>;
}

interface DescribeOptions {
  readonly markdown?: boolean;
  readonly json?: boolean;
}

const STANDARD: Pick<Terminal, 'out' | 'err' | 'exit'> = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  exit: (code) => {
    process.exitCode = code;
  },
};

/** Adds `describe` to the program. */
export function describeCommand(program: Command, deps: DescribeDependencies): void {
  const terminal = deps.terminal ?? STANDARD;
  const known = deps.variants.map(({ name }) => name).join(', ');
  const fail = (message: string): void => {
    terminal.err(`${message}\n`);
    terminal.exit(UNUSABLE_INPUT);
  };
  program
    .command('describe')
    .summary('explain a variant driver to its reviewers')
    .description('Prints what a driver declares: parent interactions, migration data field by field, safeguards.')
    .argument('<variant>', `one of: ${known}`)
    .option('--markdown', 'as a Markdown page')
    .option('--json', 'as JSON')
    .action((name: string, options: DescribeOptions) => {
      const variant = deps.variants.find((candidate) => candidate.name === name);
      if (variant === undefined) return fail(`no variant is called "${name}"; known: ${known}`);
      if (options.markdown && options.json) return fail('--markdown and --json exclude each other');
      const dossier = dossierOf(variant.declaration);
      if (options.json) terminal.out(`${JSON.stringify(dossier, null, 2)}\n`);
      else terminal.out(options.markdown ? dossierMarkdown(dossier) : dossierText(dossier));
    });
}
