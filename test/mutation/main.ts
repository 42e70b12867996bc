/**
 * Mutation score of the kernel's floors and of the variants: mutants of a sample of places, and how many of them the tests
 * notice. `npm run mutation -- --places 60 --seed 1`.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sample } from './sample.ts';

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}
interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

const { values } = parseArgs({
  options: {
    places: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const places = sample(Number(values.places), Number(values.seed));
const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', places.join(',')], {
  stdio: values.json ? ['ignore', 'ignore', 'inherit'] : 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const { files } = JSON.parse(readFileSync('build/mutation.json', 'utf8')) as Report;
const counts: Record<string, number> = {};
const survivors: string[] = [];
for (const [file, { source, mutants }] of Object.entries(files))
  for (const { status: end, mutatorName, replacement, location } of mutants) {
    counts[end] = (counts[end] ?? 0) + 1;
    if (end !== 'Survived' && end !== 'NoCoverage') continue;
    const { line } = location.start;
    const text = source.split('\n')[line - 1]!.trim();
    survivors.push(
      `${file}:${line} ${mutatorName} ${end}: ${text}  =>  ${(replacement ?? '').replaceAll(/\s+/g, ' ').slice(0, 80)}`,
    );
  }
const killed = (counts.Killed ?? 0) + (counts.Timeout ?? 0);
const all = killed + (counts.Survived ?? 0) + (counts.NoCoverage ?? 0);
const score = Math.round((1000 * killed) / all) / 10;
if (values.json)
  process.stdout.write(
    `${JSON.stringify({ places: places.length, seed: Number(values.seed), killed, all, score, survivors })}\n`,
  );
else {
  for (const line of survivors) process.stdout.write(`${line}\n`);
  process.stdout.write(
    `${killed} of ${all} mutants killed (${score} %) at ${places.length} places, seed ${values.seed}\n`,
  );
}
