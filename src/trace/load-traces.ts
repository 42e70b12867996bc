/** Finds scripts and recordings on disk. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { InputError } from './input-error.ts';
import { parseScript } from './parse-script.ts';
import type { Trace } from './play-script.ts';
import { checkBelongs, parseRecording } from './recording.ts';
import type { Step } from './step.ts';

const SCRIPT = '.vs';
const RECORDING = '.jsonl';

/**
 * The scripts that `paths` name: files, or every script of a folder. `only` keeps those whose name contains it, or fits
 * it where it has a `*` (any characters) or a `?` (one character).
 */
export function findScripts(paths: readonly string[], only?: string): string[] {
  const found = paths.flatMap((path) => (isFolder(path) ? scriptsIn(path) : [checkedScript(path)]));
  const scripts = only === undefined ? found : found.filter(fits(only));
  if (scripts.length > 0) return scripts;
  throw new InputError(
    only === undefined ? `no script (*${SCRIPT}) in ${paths.join(', ')}` : `no script named '${only}'`,
  );
}

function fits(only: string): (path: string) => boolean {
  if (!/[*?]/.test(only)) return (path) => basename(path, SCRIPT).includes(only);
  const pattern = only
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const whole = new RegExp(`^${pattern}$`);
  return (path) => whole.test(basename(path, SCRIPT));
}

/** Reads a script and the recording beside it. */
export function loadTrace(file: string): Trace {
  const steps = loadScript(file);
  const recording = file.slice(0, -SCRIPT.length) + RECORDING;
  const recorded = parseRecording(read(recording), recording);
  checkBelongs(steps, recorded, recording);
  return { file, steps, recorded };
}

/** Reads a script. */
export function loadScript(file: string): Step[] {
  return parseScript(read(file), file);
}

function scriptsIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(SCRIPT));
  return names.sort().map((name) => join(folder, name));
}

function checkedScript(path: string): string {
  if (path.endsWith(SCRIPT)) return path;
  throw new InputError(`${path} is not a script (*${SCRIPT})`);
}

function isFolder(path: string): boolean {
  if (!existsSync(path)) throw new InputError(`${path} does not exist`);
  return statSync(path).isDirectory();
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new InputError(code === 'ENOENT' ? `${file} does not exist` : `${file} cannot be read (${code})`);
  }
}
