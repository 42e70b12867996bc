/** The terminal as something to draw on. */
import { colours } from '../colours.ts';
import { ASCII, type Canvas, UNICODE } from '../lab/explain/canvas.ts';

/** A drawing is made for this many columns, and for fewer where the terminal has fewer. */
const WIDTH = 100;
const NARROWEST = 48;

/** `full`: leave nothing out. */
export function terminalCanvas(full = false): Canvas {
  const width = Math.max(NARROWEST, Math.min(WIDTH, process.stdout.columns ?? WIDTH));
  return { width, glyphs: unicode() ? UNICODE : ASCII, paint: colours, coloured: colours.isColorSupported, full };
}

/** Whether the locale says that more than ASCII can be shown. */
function unicode(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return process.platform === 'win32' || /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
