/** From events to rows: a call and its answer share one if nothing happened in between, and repetitions are counted. */
import type { ChronicleEvent, EventKind, Lane } from './event.ts';

/** A line of a drawing. Without lanes it stands for others: `... 12 more`. */
export interface Row {
  readonly kind: EventKind | 'folded';
  readonly from?: Lane;
  readonly to?: Lane;
  readonly text: string;
  readonly sort: string;
}

/** Longest block that is looked for as a repetition. */
const PERIOD = 6;

/** How many rows of a step are drawn: at its beginning, and before and after the place that matters. */
export interface Room {
  readonly first: number;
  readonly before: number;
  readonly after: number;
}

/** The rows of one step; where there are too many, those around what is broken, or else around its end. No room: all. */
export function rowsOf(events: readonly ChronicleEvent[], room: Room | undefined): Row[] {
  const rows = join(events);
  return room === undefined ? rows : shorten(fold(rows), room);
}

function join(events: readonly ChronicleEvent[]): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < events.length; i++) {
    const event = events[i]!;
    const { kind, from, to, sort } = event;
    const within = kind === 'call' ? effects(events, i + 1) : 0;
    const answer = events[i + 1 + within];
    if (kind === 'call' && answer?.kind === 'answer' && answer.call === event.call) {
      rows.push({ kind, from, to, sort: `${sort} answered`, text: `${event.text} = ${answer.text}` });
      for (const effect of events.slice(i + 1, i + 1 + within)) rows.push(effect);
      i += 1 + within;
    } else rows.push({ kind, from, to, sort, text: kind === 'answer' ? `= ${event.text}` : event.text });
  }
  return rows;
}

/** What a call to the parent changes in the device is told with the call. */
function effects(events: readonly ChronicleEvent[], start: number): number {
  let count = 0;
  while (events[start + count]?.sort === 'partition') count++;
  return count;
}

function fold(rows: readonly Row[]): Row[] {
  const folded: Row[] = [];
  for (let at = 0; at < rows.length; ) {
    const found = repetition(rows, at);
    if (found === undefined) {
      folded.push(rows[at++]!);
      continue;
    }
    const { period, times } = found;
    folded.push(...rows.slice(at, at + period));
    const more = times - 1;
    folded.push({
      kind: 'folded',
      sort: 'folded',
      text: `... ${more} more ${period === 1 ? nameOf(rows[at]!) : 'times the same'}`,
    });
    at += period * times;
  }
  return folded;
}

/** The shortest block from `at` on that repeats, and how often. */
function repetition(rows: readonly Row[], at: number): { period: number; times: number } | undefined {
  for (let period = 1; period <= PERIOD; period++) {
    let times = 1;
    while (repeats(rows, at, period, times)) times++;
    if (times > (period === 1 ? 3 : 2)) return { period, times };
  }
  return undefined;
}

function repeats(rows: readonly Row[], at: number, period: number, times: number): boolean {
  const start = at + period * times;
  if (start + period > rows.length) return false;
  for (let i = 0; i < period; i++) {
    const [first, other] = [rows[at + i]!, rows[start + i]!];
    if (first.kind === 'violation' || first.sort !== other.sort || first.from !== other.from) return false;
  }
  return true;
}

/** What there are more of. */
function nameOf({ text }: Row): string {
  const name = /DMA (?:read|write)|(?:ioctl|read|write|eventfd|interrupt|reset)\b/.exec(text)?.[0];
  return name === undefined ? 'like it' : `of ${name}`;
}

function shorten(rows: readonly Row[], { first, before, after }: Room): Row[] {
  const broken = rows.findIndex(({ kind }) => kind === 'violation');
  const centre = broken < 0 ? rows.length - 1 : broken;
  return [...cut(rows.slice(0, centre), first, before), ...cut(rows.slice(centre), after + 1, 0)];
}

/** The first and the last of them; other broken promises are never left out. */
function cut(rows: readonly Row[], first: number, last: number): Row[] {
  const middle = rows.slice(first, Math.max(first, rows.length - last));
  const kept = middle.filter(({ kind }) => kind === 'violation');
  const gone = middle.length - kept.length;
  if (gone < 2) return [...rows];
  const more: Row = { kind: 'folded', sort: 'folded', text: `... ${gone} more events` };
  return [...rows.slice(0, first), more, ...kept, ...rows.slice(first + middle.length)];
}
