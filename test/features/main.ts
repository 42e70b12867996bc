/** `npm run features` writes docs/features.md; with `--check` it only tells whether the page is what it would write. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readData } from './data.ts';
import { buildMatrix } from './matrix.ts';
import { counts, PAGE, page } from './page.ts';

const path = join(ROOT, PAGE);

const matrix = buildMatrix(readData());
const problems = [...matrix.problems];
const wanted = page(matrix);
if (!process.argv.includes('--check')) writeFileSync(path, wanted);
else if (!existsSync(path) || readFileSync(path, 'utf8') !== wanted)
  problems.push(`${PAGE} is not what the tests say: run npm run features.`);

for (const line of counts(matrix)) console.log(line);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
