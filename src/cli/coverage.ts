/** What a campaign met, for people: a state × state heat map, and what it never met. */
import { colours } from '../colours.ts';
import type { CoverageReport } from '../lab/guidance/report.ts';

const NAME = 12;
const CELL = 6;
const SHORT: Readonly<Record<string, string>> = {
  closed: 'closed',
  STOP: 'STOP',
  RUNNING: 'RUN',
  STOP_COPY: 'SCOPY',
  RESUMING: 'RESUM',
  RUNNING_P2P: 'RUNP',
  PRE_COPY: 'PREC',
  PRE_COPY_P2P: 'PRECP',
  'not known': '?',
};

/** Lines of the report. Rows are where a step began, columns where it ended. */
export function coverageLines({ met, heat, places, arcsNeverTaken, errnosNeverSeen }: CoverageReport): string[] {
  const most = Math.max(1, ...heat.flat());
  const head = places.map((place) => (SHORT[place] ?? place).padStart(CELL)).join('');
  const rows = heat.map(
    (row, place) => `${places[place]!.padEnd(NAME)}  ${row.map((count) => cell(count, most)).join('')}`,
  );
  return [
    `${met} combinations of operation, states and outcome were met`,
    `${'from'.padEnd(NAME)}${'to'.padEnd(2)}${head}`,
    ...rows,
    `arcs never taken: ${arcsNeverTaken.join(', ') || 'none'}`,
    `errnos never seen: ${errnosNeverSeen.join(', ') || 'none'}`,
  ];
}

/** A count in five columns, brighter the more there are. */
function cell(count: number, most: number): string {
  const text = (count === 0 ? '.' : short(count)).padStart(CELL);
  if (count === 0) return colours.dim(text);
  const share = Math.log(count) / Math.log(most);
  return share > 0.75 ? colours.red(text) : share > 0.5 ? colours.yellow(text) : colours.green(text);
}

function short(count: number): string {
  if (count < 10_000) return String(count);
  return count < 10_000_000 ? `${Math.round(count / 1000)}k` : `${Math.round(count / 1_000_000)}M`;
}
