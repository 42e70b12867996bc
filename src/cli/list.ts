/** `vfiolab list`: what can be checked, against what, on which machines. */
import type { Command } from 'commander';
import { PROPERTIES } from '../lab/properties/index.ts';
import { MACHINES } from '../machine/machines.ts';
import { DECLARED } from '../machine/variants.ts';
import { wholeNumber } from './parse.ts';

export function listCommand(program: Command): void {
  program
    .command('list')
    .description('show variants, properties and machines')
    .option('--seed <n>', 'accepted everywhere; changes nothing here', wholeNumber(0))
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => {
      const lists = {
        variants: DECLARED.map(({ name, declaration }) => ({ name, summary: declaration.title })),
        properties: PROPERTIES.map(({ name, promise }) => ({ name, summary: promise })),
        machines: MACHINES.map(({ description, summary }) => ({ name: description.name, summary })),
      };
      if (options.json) {
        process.stdout.write(`${JSON.stringify(lists)}\n`);
        return;
      }
      for (const [title, rows] of Object.entries(lists)) {
        process.stdout.write(`${title}\n`);
        for (const { name, summary } of rows) process.stdout.write(`  ${name.padEnd(26)} ${summary}\n`);
      }
    });
}
