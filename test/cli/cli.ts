/** The program as a child process: what it prints, and how it ends. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';

export const ROOT = resolve(import.meta.dirname, '../..');
export const TRACES = 'test/golden/kernel-traces';

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A module to load before the program, which plants something into it. */
export interface RunOptions {
  readonly before?: string;
}

export async function cli(args: readonly string[], { before }: RunOptions = {}): Promise<Run> {
  const imports = ['tsx', ...(before === undefined ? [] : [`./test/cli/${before}`])];
  return await node([...imports.flatMap((name) => ['--import', name]), 'src/cli/main.ts', ...args]);
}

/** Any other program for Node. */
export const program = (argv: readonly string[]): Promise<Run> => node(argv);

/** The program with each of the argument lists, in one child process; the results under the same names. */
export async function cliBatch<N extends string>(
  lists: Readonly<Record<N, readonly string[]>>,
): Promise<Record<N, Run>> {
  const { out, err } = await node(['--import', 'tsx', 'test/cli/batch.ts'], JSON.stringify(Object.values(lists)));
  if (err !== '') throw new Error(err);
  const runs = JSON.parse(out) as Run[];
  return Object.fromEntries(Object.keys(lists).map((name, i) => [name, runs[i]!])) as Record<N, Run>;
}

function node(argv: readonly string[], input = ''): Promise<Run> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: 'pipe' });
    const text = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text.out += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (text.err += part));
    child.on('error', failed);
    child.on('close', (code) => done({ code, ...text }));
    child.stdin.end(input);
  });
}

/** A fresh folder with files in it, for as long as the suite runs; the path of each by name. */
export function folderWith(files: Readonly<Record<string, string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return (name) => join(folder, name);
}
