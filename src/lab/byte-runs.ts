/** Bytes that many views show, each byte once. */

/** Bytes in a row, from `start` to before `end`. */
export interface ByteRun {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
  end: number;
}

/** The words of all lists, one after another. */
export function joined(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

/** The bytes that views show, each once: several views lie over one another, or side by side. */
export function runsOf(views: readonly ArrayBufferView[]): ByteRun[] {
  const byBuffer = new Map<ArrayBufferLike, ByteRun[]>();
  for (const { buffer, byteOffset, byteLength } of views) {
    const runs = byBuffer.get(buffer) ?? [];
    runs.push({ buffer, start: byteOffset, end: byteOffset + byteLength });
    byBuffer.set(buffer, runs);
  }
  return [...byBuffer.values()].flatMap(merged);
}

function merged(runs: ByteRun[]): ByteRun[] {
  runs.sort((a, b) => a.start - b.start);
  const found: ByteRun[] = [];
  for (const run of runs) {
    const last = found.at(-1);
    if (last !== undefined && run.start <= last.end) last.end = Math.max(last.end, run.end);
    else found.push(run);
  }
  return found;
}
