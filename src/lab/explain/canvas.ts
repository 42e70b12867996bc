/** What a drawing is made with: its width, its characters, its colours. */

/** Makes text stand out; on a plain terminal it is the text as it is. */
export type Paint = (text: string) => string;

/** The colours a drawing needs. */
export interface Palette {
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly magenta: Paint;
  readonly dim: Paint;
  readonly bold: Paint;
}

/** Lines and ends of arrows. */
export interface Glyphs {
  readonly life: string;
  readonly line: string;
  readonly right: string;
  readonly left: string;
  readonly start: string;
  readonly point: string;
  readonly broken: string;
}

export const UNICODE: Glyphs = { life: '│', line: '─', right: '▶', left: '◀', start: '●', point: '●', broken: '✗' };
export const ASCII: Glyphs = { life: '|', line: '-', right: '>', left: '<', start: 'o', point: 'o', broken: 'X' };

/** Where and how to draw. */
export interface Canvas {
  /** Columns. */
  readonly width: number;
  readonly glyphs: Glyphs;
  readonly paint: Palette;
  /** Colours can be seen; otherwise letters stand for them. */
  readonly coloured: boolean;
  /** Leave nothing out. */
  readonly full: boolean;
}

const asItIs: Paint = (text) => text;
const COLOURLESS: Palette = {
  red: asItIs,
  green: asItIs,
  yellow: asItIs,
  blue: asItIs,
  magenta: asItIs,
  dim: asItIs,
  bold: asItIs,
};

/** Paper: no colours. */
export function plainCanvas(width = 100, glyphs = ASCII): Canvas {
  return { width, glyphs, paint: COLOURLESS, coloured: false, full: false };
}

/** Breaks text into lines of at most `width` characters, at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > width / 2 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** As {@link wrap}, with lines after the first indented. */
export const hanging = (text: string, width: number): string[] =>
  wrap(text, width - 4).map((line, i) => (i === 0 ? line : `    ${line}`));
