/** The data of the matrix: the features, those left out with the reason, and what the recordings show. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRows } from './rows.ts';
import { readTags, type Tags } from './tags.ts';

export type Importance = 'high' | 'medium' | 'low';

export interface Feature {
  readonly id: string;
  readonly section: string;
  readonly feature: string;
  readonly importance: Importance;
}

/** What shows a feature: a test, or a recording of the real kernel that is played. */
export interface Evidence {
  readonly file: string;
  readonly name: string;
  readonly ids: readonly string[];
}

export interface MatrixData {
  readonly features: readonly Feature[];
  /** id -> why the emulator has nothing of it, and will not. */
  readonly notModelled: ReadonlyMap<string, string>;
  readonly evidence: readonly Evidence[];
  /** What is wrong with the data itself: a tag above nothing, a recording that is not there. */
  readonly faults: readonly string[];
}

const HERE = import.meta.dirname;
export const ROOT = join(HERE, '../..');
const GOLDEN = 'test/golden';

const ids = (cell: string): string[] => cell.split(/\s+/).filter((id) => id !== '');

function readFeatures(): Feature[] {
  return readRows(join(HERE, 'table.md')).map(({ section, cells: [id, feature, , importance] }) => ({
    id: id!,
    section,
    feature: feature!,
    importance: importance as Importance,
  }));
}

/** A page of two columns; a page that is not there says nothing about any feature. */
function readReasons(name: string): Map<string, string> {
  const path = join(HERE, name);
  if (!existsSync(path)) return new Map();
  return new Map(readRows(path).map(({ cells: [id, reason] }) => [id!, reason!]));
}

function readTests(): Tags {
  const files = ['test', 'variants']
    .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' }).map((f) => `${room}/${f}`))
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
  const all = files.map((file) => readTags(file, readFileSync(join(ROOT, file), 'utf8')));
  return { tests: all.flatMap(({ tests }) => tests), faults: all.flatMap(({ faults }) => faults) };
}

function readRecordings(): { evidence: Evidence[]; faults: string[] } {
  const evidence: Evidence[] = [];
  const faults: string[] = [];
  for (const { section: folder, cells } of readRows(join(ROOT, GOLDEN, 'features.md'))) {
    for (const name of cells[0]!.split(/,\s*/)) {
      const file = `${GOLDEN}/${folder}/${name}.vs`;
      if (!existsSync(join(ROOT, file))) faults.push(`${GOLDEN}/features.md names ${file}, which does not exist.`);
      evidence.push({ file, name: '', ids: ids(cells[1]!) });
    }
  }
  return { evidence, faults };
}

export function readData(): MatrixData {
  const tests = readTests();
  const recordings = readRecordings();
  return {
    features: readFeatures(),
    notModelled: readReasons('not-modelled.md'),
    evidence: [...tests.tests, ...recordings.evidence],
    faults: [...tests.faults, ...recordings.faults],
  };
}
