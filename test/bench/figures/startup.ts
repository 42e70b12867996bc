/** From the start of the process to the end of the first case. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type Measured, resultOf } from '../figure.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const ROUNDS = 5;

function seconds(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return (performance.now() - start) / 1000;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

export function startup(): Measured {
  const check: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    check.push(seconds(['--import', 'tsx', 'src/cli/main.ts', 'check', 'mlx5', '--seed', '1', '--cases', '1']));
    bare.push(seconds(['--import', 'tsx', '-e', '0']));
  }
  return resultOf('a check of one case as a process', 'ms', median(check), {
    name: 'node with the same loader',
    seconds: median(bare),
  });
}
