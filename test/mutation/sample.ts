/** A sample of the code that mutants are made of: places drawn by a seed, a few lines each, so that a run ends in time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { caseSeed, Random } from '../../src/lab/random.ts';

/** What is mutated. */
const ROOMS = ['src/vfio', 'src/pci-core', 'variants'];
/** Only types, tables of names and re-exports, or tests. */
const LEFT_OUT = /(?:\.test\.ts|^index\.ts|\.md)$/;
/** Lines of one place. */
const LINES = 12;

/** `count` places as Stryker takes them, `file:first-last`. Each line is as likely as any other. */
export function sample(count: number, seed: number): string[] {
  const blocks = ROOMS.flatMap(filesOf).sort().flatMap(blocksOf);
  const random = new Random(caseSeed(seed, 0));
  const chosen = new Set<string>();
  while (chosen.size < Math.min(count, blocks.length)) chosen.add(random.pick(blocks));
  return [...chosen].sort();
}

function filesOf(room: string): string[] {
  const entries = readdirSync(room, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !LEFT_OUT.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
}

function blocksOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').length;
  return Array.from(
    { length: Math.ceil(lines / LINES) },
    (_, i) => `${file}:${i * LINES + 1}-${Math.min(lines, (i + 1) * LINES)}`,
  );
}
