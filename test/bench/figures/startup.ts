/** From the start of the process to the end of the first case. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type Measured, median, resultOf } from '../figure.ts';

const MAIN = resolve(import.meta.dirname, '../../../src/cli/main.js');
const ROUNDS = 5;

function seconds(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return (performance.now() - start) / 1000;
}

export function startup(): Measured {
  const check: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    check.push(seconds([MAIN, 'check', 'mlx5', '--seed', '1', '--cases', '1']));
    bare.push(seconds(['-e', '0']));
  }
  return resultOf('a check of one case as a process', 'ms', median(check), {
    name: 'node with nothing to do',
    seconds: median(bare),
  });
}
