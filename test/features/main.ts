/** `npm run features` writes docs/features.md; with `--check` it only tells whether the page is what it would write. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readData } from './data.ts';
import { buildMatrix } from './matrix.ts';
import { counts, PAGE, page, stale } from './page.ts';

const path = join(ROOT, PAGE);
const matrix = buildMatrix(readData());
if (!process.argv.includes('--check')) writeFileSync(path, page(matrix));

const problems = [...matrix.problems, ...stale(matrix, existsSync(path) ? readFileSync(path, 'utf8') : undefined)];
for (const line of counts(matrix)) console.log(line);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
