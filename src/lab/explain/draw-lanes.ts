/** Draws a chronicle: one lane for each who takes part, time downwards, an arrow for what goes from one to another. */
import { describeStep } from '../describe-step.ts';
import { type Canvas, wrap } from './canvas.ts';
import type { ChronicleEvent, Lane } from './event.ts';
import type { Explanation } from './explain.ts';
import { type Room, type Row, rowsOf } from './fold.ts';

/** Columns in front of the first lane. */
const MARGIN = 4;
/** Names of lanes where there is no room for whole ones. */
const SHORT: Readonly<Record<Lane, string>> = {
  A: 'A',
  VFIO: 'vf',
  variant: 'va',
  parent: 'pa',
  device: 'de',
  B: 'B',
  host: 'ho',
};

/** Distance of two lanes: wide ones want 100 columns. */
function pitchOf({ width }: Canvas, lanes: number): number {
  const fair = Math.floor((width * 0.5) / lanes);
  return Math.max(3, Math.min(8, fair));
}

/** The lines of a drawing. */
export function drawLanes({ scenario, violation, lanes, events, divergence }: Explanation, canvas: Canvas): string[] {
  const pitch = pitchOf(canvas, lanes.length);
  const lines = [heading(lanes, pitch, canvas)];
  scenario.steps.forEach((step, index) => {
    const { red, bold } = canvas.paint;
    const mark = violation?.at === index ? red('>') : ' ';
    const [first, ...more] = wrap(`${String(index + 1).padStart(2)}  ${describeStep(step)}`, canvas.width - 10);
    lines.push(`${mark} ${bold(first!)}`, ...more.map((line) => `${' '.repeat(10)}${bold(line)}`));
    const own = events.filter((event) => event.step === index);
    lines.push(...drawStep(own, lanes, pitch, canvas));
  });
  const end = events.filter(({ step }) => step < 0);
  // What the tenants do to leave matters only where that is what shows the defect.
  if (violation?.at === -1 && end.length > 0) {
    const compared = divergence !== undefined;
    const told = compared ? end.filter(({ kind }) => kind === 'violation') : end;
    const title = compared ? 'the end  everybody looks once more' : 'the end  both tenants leave';
    lines.push(`${canvas.paint.red('>')}     ${canvas.paint.bold(title)}`, ...drawStep(told, lanes, pitch, canvas));
  }
  return lines;
}

function heading(lanes: readonly Lane[], pitch: number, { paint }: Canvas): string {
  let line = ' '.repeat(MARGIN);
  for (const lane of lanes) {
    const name = lane.length < pitch ? lane : SHORT[lane];
    const left = Math.max(0, Math.floor((pitch - name.length) / 2));
    line += `${' '.repeat(left)}${name}`.padEnd(pitch);
  }
  return paint.bold(line.trimEnd());
}

/** A step in which something breaks gets more room than those that lead there. */
const BROKEN: Room = { first: 6, before: 14, after: 4 };
const CALM: Room = { first: 7, before: 5, after: 0 };

function drawStep(events: readonly ChronicleEvent[], lanes: readonly Lane[], pitch: number, canvas: Canvas): string[] {
  const room = canvas.full ? undefined : events.some(({ kind }) => kind === 'violation') ? BROKEN : CALM;
  return rowsOf(events, room).flatMap((row) => drawRow(row, lanes, pitch, canvas));
}

function drawRow(row: Row, lanes: readonly Lane[], pitch: number, canvas: Canvas): string[] {
  const { paint, glyphs, width } = canvas;
  const text = wrap(row.text, Math.max(16, width - MARGIN - lanes.length * pitch - 1));
  const colour =
    row.kind === 'violation' ? paint.red : row.kind === 'answer' || row.kind === 'folded' ? paint.dim : same;
  const empty = lifelines(lanes, pitch, canvas);
  if (row.kind === 'violation') {
    const whole = wrap(`${glyphs.broken} ${row.text}`, width - MARGIN);
    return whole.map((line) => `${' '.repeat(MARGIN)}${paint.red(line)}`);
  }
  return text.map((line, i) => `${i === 0 ? arrow(row, lanes, pitch, canvas) : empty} ${colour(line)}`.trimEnd());
}

const same = (text: string): string => text;

/** The column of a lane's line within its cell. */
const centre = (pitch: number): number => Math.floor((pitch - 1) / 2);

function lifelines(lanes: readonly Lane[], pitch: number, { glyphs, paint }: Canvas): string {
  const cell = `${' '.repeat(centre(pitch))}${glyphs.life}`.padEnd(pitch);
  return ' '.repeat(MARGIN) + paint.dim(cell.repeat(lanes.length));
}

function arrow({ from, to }: Row, lanes: readonly Lane[], pitch: number, canvas: Canvas): string {
  if (from === undefined || to === undefined) return lifelines(lanes, pitch, canvas);
  const { glyphs, paint } = canvas;
  const columns = Array.from({ length: lanes.length * pitch }, () => ' ');
  const place = (lane: Lane): number => Math.max(0, lanes.indexOf(lane)) * pitch + centre(pitch);
  for (let i = 0; i < lanes.length; i++) columns[i * pitch + centre(pitch)] = glyphs.life;
  const [start, end] = [place(from), place(to)];
  for (let at = Math.min(start, end); at <= Math.max(start, end); at++) columns[at] = glyphs.line;
  columns[start] = glyphs.start;
  columns[end] = start === end ? glyphs.point : start < end ? glyphs.right : glyphs.left;
  const low = Math.min(start, end);
  const high = Math.max(start, end) + 1;
  const [before, drawn, after] = [columns.slice(0, low), columns.slice(low, high), columns.slice(high)];
  const line = from === 'B' || to === 'B' ? paint.magenta : from === 'A' || to === 'A' ? paint.blue : same;
  return `${' '.repeat(MARGIN)}${paint.dim(before.join(''))}${line(drawn.join(''))}${paint.dim(after.join(''))}`;
}
