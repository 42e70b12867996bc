/**
 * The lowest case that ended a part of a campaign, as all its processes see it: one number in a file. A campaign does not
 * give way to events while it runs, so no message reaches it; a file it can read.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BYTES = 8;

/** A descriptor of the number, at first infinite. The file has no name any more: it goes when nobody has it open. */
export function newLowestCase(): number {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-'));
  try {
    const fd = openSync(join(folder, 'lowest-case'), 'w+');
    writeLowestCase(fd, Number.POSITIVE_INFINITY);
    return fd;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const own = Buffer.alloc(BYTES);

/** The lowest case that is known to have ended a part. */
export function readLowestCase(fd: number): number {
  readSync(fd, own, 0, BYTES, 0);
  return own.readDoubleLE();
}

export function writeLowestCase(fd: number, number: number): void {
  own.writeDoubleLE(number);
  writeSync(fd, own, 0, BYTES, 0);
}

export { closeSync as closeLowestCase };
