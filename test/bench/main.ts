/** `npm run bench [-- --json]`: what things cost here, each beside a baseline measured in the same run. One core. */
import { type Figure, type Measured, measure } from './figure.ts';
import { buildingMachine, buildingWorld } from './figures/building.ts';
import { cases } from './figures/cases.ts';
import { dma } from './figures/dma.ts';
import { door } from './figures/door.ts';
import { migration } from './figures/migration.ts';
import { startup } from './figures/startup.ts';
import { translate } from './figures/translate.ts';
import { table } from './table.ts';

const FIGURES: readonly (() => Figure)[] = [
  cases,
  buildingMachine,
  buildingWorld,
  door,
  translate,
  dma,
  () => migration(0x1_0000),
  () => migration(0x100_0000),
];

const json = process.argv.includes('--json');
const live = process.stderr.isTTY === true && !json;
const results: Measured[] = [];
for (const [index, make] of FIGURES.entries()) {
  if (live) process.stderr.write(`\r\x1b[K${index + 1} of ${FIGURES.length + 1}`);
  results.push(measure(make()));
}
results.push(startup());
if (live) process.stderr.write('\r\x1b[K');
process.stdout.write(json ? `${JSON.stringify({ figures: results })}\n` : table(results));
