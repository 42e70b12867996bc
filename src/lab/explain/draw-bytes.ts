/** Draws the first differing observation: both runs side by side, byte by byte, coloured by whose each byte is. */
import { type Canvas, hanging, type Paint } from './canvas.ts';
import type { Divergence, Side } from './divergence.ts';
import type { Owner } from './owners.ts';

const MEANINGS: Readonly<Record<Owner, string>> = {
  a: 'a follows what tenant A does',
  b: "b follows tenant B's secret",
  k: 'k memory the kernel did not clear',
  '-': '- the same in any case',
};

const OWNERS = ['a', 'b', 'k', '-'] as const;

/** Rows of equal bytes shown before and after a difference. */
const CONTEXT = 1;
/** Rows with a difference that are shown. */
const MOST = 12;
/** Bytes in a row: this many fit twice into a line. */
const bytesPerRow = (width: number): number => (width >= 110 ? 16 : width >= 64 ? 8 : 4);

/** The lines of it. */
export function drawBytes({ left, right, fields, what, observer, step }: Divergence, canvas: Canvas): string[] {
  const { paint } = canvas;
  const who = observer === 'H' ? 'the host' : `tenant ${observer}`;
  const where = step < 0 ? 'at the end' : `in step ${step + 1}`;
  const wrapped = (text: string): string[] => hanging(text, canvas.width);
  const lines = wrapped(`First difference, ${where}, in what ${who} observes: ${what}`).map(paint.bold);
  lines.push(...wrapped(`  run 1: ${left.run}`), ...wrapped(`  run 2: ${right.run}`), '');
  const numbers = left.meaning ?? right.meaning;
  if (numbers === undefined) lines.push(...rows(left, right, canvas));
  else lines.push(`  ${left.meaning ?? 'nothing'} in run 1, ${right.meaning ?? 'nothing'} in run 2`);
  for (const { name, offset, left: one, right: other } of fields)
    lines.push(...wrapped(`  ${name} at 0x${offset.toString(16)}: ${one} in run 1, ${other} in run 2`));
  const used = new Set([...left.owners, ...right.owners]);
  if (numbers === undefined)
    for (const owner of OWNERS) if (used.has(owner)) lines.push(`  ${colourOf(owner, canvas)(MEANINGS[owner])}`);
  return lines;
}

function colourOf(owner: Owner, { paint }: Canvas): Paint {
  return { a: paint.blue, b: paint.magenta, k: paint.yellow, '-': paint.dim }[owner];
}

function rows(left: Side, right: Side, canvas: Canvas): string[] {
  const count = bytesPerRow(canvas.width);
  const [one, other] = [split(left.hex), split(right.hex)];
  const total = Math.ceil(Math.max(one.length, other.length) / count);
  const differs = (row: number): boolean => cells(one, row, count).join() !== cells(other, row, count).join();
  const differing = Array.from({ length: total }, (_, row) => row).filter(differs);
  const shown = new Set(differing.slice(0, MOST).flatMap((row) => around(row, total)));
  const lines: string[] = [];
  let before = -1;
  for (const row of [...shown].sort((a, b) => a - b)) {
    if (row > before + 1) lines.push('  ...');
    before = row;
    const at = `0x${(row * count).toString(16).padStart(4, '0')}`;
    const bytes = [one, other].map((side, i) => painted(side, (i === 0 ? left : right).owners, row, count, canvas));
    lines.push(`  ${at}  ${bytes.join(differs(row) ? '  !  ' : '     ')}`.trimEnd());
    if (!canvas.coloured) {
      const letters = [left, right].map(({ owners }) => letterRow(owners, row, count));
      lines.push(`          ${letters.join('     ')}`.trimEnd());
    }
  }
  const rest = differing.length - MOST;
  if (rest > 0) lines.push(`  ... ${rest} more rows differ`);
  else if (before >= 0 && before + 1 < total) lines.push('  ...');
  return lines;
}

const around = (row: number, total: number): number[] =>
  Array.from({ length: 2 * CONTEXT + 1 }, (_, i) => row - CONTEXT + i).filter((at) => at >= 0 && at < total);

const split = (hex: string): string[] => hex.match(/../g) ?? [];

/** The bytes of a row; where a run has fewer than the other it has blanks. */
const cells = (bytes: readonly string[], row: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => bytes[row * count + i] ?? '  ');

function painted(
  bytes: readonly string[],
  owners: readonly Owner[],
  row: number,
  count: number,
  canvas: Canvas,
): string {
  return cells(bytes, row, count)
    .map((byte, i) => colourOf(owners[row * count + i] ?? '-', canvas)(byte))
    .join(' ');
}

function letterRow(owners: readonly Owner[], row: number, count: number): string {
  return Array.from({ length: count }, (_, i) => ` ${owners[row * count + i] ?? ' '}`).join(' ');
}
