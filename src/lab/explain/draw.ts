/** A whole explanation on a terminal: the lanes, the promise that broke, the two runs, and how to see it again. */
import { type Canvas, hanging, wrap } from './canvas.ts';
import { drawBytes } from './draw-bytes.ts';
import { drawLanes } from './draw-lanes.ts';
import type { Explanation } from './explain.ts';
import { messageOf } from './message.ts';

/** The text, with a line break at its end. */
export function draw(explanation: Explanation, canvas: Canvas): string {
  const { divergence } = explanation;
  const setting = explanation.setting === '' ? [] : [`Machine: ${explanation.setting}`];
  const lines = [...setting, ...drawLanes(explanation, canvas), ''];
  if (divergence !== undefined) lines.push(...drawBytes(divergence, canvas), '');
  return `${[...lines, ...drawRule(explanation, canvas)].join('\n')}\n`;
}

/** The promise that was broken. */
export function drawRule({ rule, violation }: Explanation, { paint, width }: Canvas): string[] {
  const lines =
    violation === undefined ? [] : wrap(`violated ${rule.name}: ${messageOf(violation)}`, width).map(paint.red);
  lines.push(...hanging(`The rule: ${rule.promise}`, width));
  for (const allowed of rule.allows) lines.push(...hanging(`  allowed: ${allowed}`, width));
  return lines;
}
