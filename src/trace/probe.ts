/** Probes the write masks of a range: for each location writes ones, then zeros, then what was there. */
import { errnoName } from '../uapi/errno.ts';
import { fromHex, toHex } from './bytes.ts';
import type { ProbeRow } from './outcome.ts';
import type { Run } from './run.ts';

/** What to probe: `width` bytes at base + start, base + start + step, ..., ending at or below base + end. */
export interface ProbeRange {
  readonly fd: number;
  readonly base: number;
  readonly start: number;
  readonly end: number;
  readonly width: number;
  readonly step: number;
}

/** One row a location: [offset, original, then for ones, zeros and the original: ret of the write, read back]. */
export function probe(run: Run, { fd, base, start, end, width, step }: ProbeRange): ProbeRow[] {
  const read = (at: number): string => {
    const ret = run.door.pread(fd, run.scratch.room(width), width, at);
    return ret < 0 ? errnoName(ret) : toHex(run.scratch.read(ret));
  };
  const write = (at: number, bytes: Uint8Array): number | string => {
    const ret = run.door.pwrite(fd, run.scratch.place(bytes), bytes.length, at);
    return ret < 0 ? errnoName(ret) : ret;
  };
  const rows: ProbeRow[] = [];
  for (let offset = start; offset + width <= end; offset += Math.max(step, 1)) {
    const at = base + offset;
    const original = read(at);
    const restored = /^[0-9a-f]*$/.test(original) ? fromHex(original) : new Uint8Array(width);
    const row: (number | string)[] = [offset, original];
    for (const bytes of [new Uint8Array(width).fill(0xff), new Uint8Array(width), restored])
      row.push(write(at, bytes), read(at));
    rows.push(row);
  }
  return rows;
}
