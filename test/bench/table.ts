/** Figures as an aligned table. */
import type { Measured } from './figure.ts';

const HEAD = ['figure', 'value', 'unit', 'baseline', 'value', 'times the baseline'] as const;
const RIGHT = new Set([1, 4, 5]);

/** Three digits that matter, thousands set apart. */
function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export function table(figures: readonly Measured[]): string {
  const rows = figures.map(({ name, value, unit, baseline, timesBaseline }) => [
    name,
    short(value),
    unit,
    baseline.name,
    short(baseline.value),
    short(timesBaseline),
  ]);
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (RIGHT.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return `${[line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')}\n`;
}
