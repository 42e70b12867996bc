/** `npm run bench [-- --json]`: what things cost here, each beside a baseline measured in the same run. One core. */
import { type Figure, type Measured, measure } from './figure.ts';
import { buildingMachine, buildingWorld } from './figures/building.ts';
import { cases, shortCases } from './figures/cases.ts';
import { loggingReport, type1Bitmap } from './figures/dirty.ts';
import { dma } from './figures/dma.ts';
import { configurationReads, deviceInfo } from './figures/door.ts';
import { interrupts } from './figures/interrupts.ts';
import { mapping } from './figures/mapping.ts';
import { migration } from './figures/migration.ts';
import { sparse } from './figures/sparse.ts';
import { startup } from './figures/startup.ts';
import { translate } from './figures/translate.ts';
import { table } from './table.ts';

/** A cost that follows its amount is measured with an amount and with twice that. */
const DIRTY = 16_384;
const SPARSE = 65_536;

const FIGURES: readonly (() => Figure)[] = [
  () => cases(),
  shortCases,
  buildingMachine,
  buildingWorld,
  configurationReads,
  deviceInfo,
  interrupts,
  mapping,
  translate,
  dma,
  () => loggingReport(DIRTY),
  () => loggingReport(2 * DIRTY),
  () => type1Bitmap(DIRTY),
  () => type1Bitmap(2 * DIRTY),
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
results.push(...sparse(SPARSE), ...sparse(2 * SPARSE), startup());
if (live) process.stderr.write('\r\x1b[K');
process.stdout.write(json ? `${JSON.stringify({ figures: results })}\n` : table(results));
