/** docs/safeguards.md shows what the command prints: every safeguard is in it, as it is declared, and with a verdict. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SUBJECTS } from '../../src/lab/subject.ts';
import { allSafeguards } from '../../src/variant/dossier.ts';

const PAGE = readFileSync('docs/safeguards.md', 'utf8');
const tables = new Map(
  [...PAGE.matchAll(/^### (\w+)\n\n```text\n(.*?)^```$/gms)].map(([, name, text]) => [name, text!]),
);

/** Plain VFIO declares none. */
const GUARDED = SUBJECTS.filter(({ variant }) => allSafeguards(variant.declaration).length > 0);

test.each(GUARDED)('the table of $variant.name has every safeguard, and none is missing a reason', ({ variant }) => {
  const table = tables.get(variant.name)!;
  const guards = allSafeguards(variant.declaration);
  const verdicts = [...table.matchAll(/^(\w+) +([A-Z_]+)/gm)].map(([, verdict, name]) => [name, verdict]);
  expect(verdicts).toEqual(
    guards.map(({ name, redundant }) => [name, redundant === undefined ? 'noticed' : 'redundant']),
  );
  for (const { checks, errnoName, redundant } of guards) {
    expect(table).toContain(`${errnoName}: ${checks}\n`);
    if (redundant !== undefined) expect(table).toContain(`because ${redundant}`);
  }
});
