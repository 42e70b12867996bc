/** docs/counterexamples.md shows what the program prints. With UPDATE=1 the pictures are drawn anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { plainCanvas, UNICODE } from '../../src/lab/explain/canvas.ts';
import { draw } from '../../src/lab/explain/draw.ts';
import { EXAMPLES, type Example, explained } from '../lab/explain/examples.ts';

const PAGE = 'docs/counterexamples.md';
const PICTURE = /<!-- ([A-Z0-9-]+) -->\n(?:```\n[^`]*```\n)?/g;

/** The picture of a defect, as a block of the page. */
const block = (id: Example): string =>
  `<!-- ${id} -->\n\`\`\`\n${draw(explained(id), plainCanvas(100, UNICODE)).trimEnd()}\n\`\`\`\n`;

test('its pictures are what the program prints while the defect is planted', () => {
  const page = readFileSync(PAGE, 'utf8');
  const ids = [...page.matchAll(PICTURE)].map(([, id]) => id as Example);
  expect(ids.length).toBeGreaterThan(2);
  for (const id of ids) expect(Object.keys(EXAMPLES)).toContain(id);
  const drawn = page.replaceAll(PICTURE, (_all, id: Example) => block(id));
  if (process.env['UPDATE'] === '1') writeFileSync(PAGE, drawn);
  else expect(page).toBe(drawn);
});
