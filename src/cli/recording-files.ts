/** Where recordings go, and how they get there in one piece. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../trace/index.ts';

/** The recording of each script: beside it, or in the folder or file `out`. Throws if two would be the same file. */
export function recordingFiles(scripts: readonly string[], out: string | undefined): string[] {
  const isFolder = out !== undefined && (scripts.length > 1 || out.endsWith('/') || isDirectory(out));
  const files = scripts.map((script) => {
    const beside = script.replace(/\.vs$/, '.jsonl');
    if (out === undefined) return beside;
    return isFolder ? join(out, basename(beside)) : out;
  });
  const twice = files.find((file, index) => files.indexOf(file) !== index);
  if (twice !== undefined) throw new InputError(`two scripts would both be recorded to ${twice}`);
  return files;
}

/** Whether something of that name is there already. */
export function isTaken(file: string): boolean {
  return existsSync(file);
}

/** Writes a file under a name of its own and gives it its name when all of it is there; folders are made. */
export function writeWhole(file: string, text: string, replace: boolean): void {
  const unfinished = `${file}.${process.pid}.part`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(unfinished, text, { flag: 'wx' });
    // Somebody else may have written it while the script ran.
    if (!replace && isTaken(file)) throw new InputError(`${file} exists already; --force replaces it`);
    renameSync(unfinished, file);
  } catch (error) {
    if (isTaken(unfinished)) rmSync(unfinished);
    if (error instanceof InputError) throw error;
    throw new InputError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
