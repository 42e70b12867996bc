/** Runs the program many times in one process, one argument list after another: a start costs most of what a refusal does. */
import { readFileSync } from 'node:fs';
import type { Run } from './cli.ts';

const lists = JSON.parse(readFileSync(0, 'utf8')) as readonly (readonly string[])[];
const [node, script] = process.argv;
const runs: Run[] = [];
const { stdout, stderr } = process;
const real = { out: stdout.write, err: stderr.write };

for (const [number, args] of lists.entries()) {
  const text = { out: '', err: '' };
  stdout.write = (part: string | Uint8Array) => {
    text.out += String(part);
    return true;
  };
  stderr.write = (part: string | Uint8Array) => {
    text.err += String(part);
    return true;
  };
  process.argv = [node!, script!, ...args];
  process.exitCode = 0;
  // The query makes it another module each time; what it imports stays loaded.
  await import(`../../src/cli/main.ts?run=${number}`);
  runs.push({ code: process.exitCode, ...text });
}

stdout.write = real.out;
stderr.write = real.err;
process.exitCode = 0;
stdout.write(JSON.stringify(runs));
