/** The matrix as a page for people, and its counts. */
import type { Importance } from './data.ts';
import type { Entry, Matrix, State } from './matrix.ts';

/** Where the page stands, from the root of the project. */
export const PAGE = 'docs/features.md';

const STATES: readonly State[] = ['tested', 'not modelled', 'unaccounted'];
const IMPORTANCES: readonly Importance[] = ['high', 'medium', 'low'];

/** One line for each importance and one for all: how many are in each state. */
export function counts(matrix: Matrix): string[] {
  const line = (what: string, entries: readonly Entry[]): string =>
    `${what}: ${entries.length}, ${STATES.map((state) => `${entries.filter((entry) => entry.state === state).length} ${state}`).join(', ')}`;
  return [
    line('all', matrix.entries),
    ...IMPORTANCES.map((importance) =>
      line(
        importance,
        matrix.entries.filter(({ feature }) => feature.importance === importance),
      ),
    ),
  ];
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('`', "'");

function shownBy(entry: Entry): string {
  if (entry.state !== 'tested') return cell(entry.reason);
  const tests = entry.shownBy.map(({ file, name }) => (name === '' ? `\`${file}\`` : `\`${file}\` ${cell(name)}`));
  return tests.join('<br>');
}

export function page(matrix: Matrix): string {
  const sections = [...new Set(matrix.entries.map(({ feature }) => feature.section))];
  const table = (section: string): string[] => [
    `## ${section}`,
    '',
    '| id | feature | importance | state | shown by, or why not |',
    '|---|---|---|---|---|',
    ...matrix.entries
      .filter(({ feature }) => feature.section === section)
      .map(
        (entry) =>
          `| ${entry.feature.id} | ${cell(entry.feature.feature)} | ${entry.feature.importance} | ${entry.state} | ${shownBy(entry)} |`,
      ),
    '',
  ];
  return [
    '# Features, and the tests that show them',
    '',
    'Written by `npm run features` from `test/features/table.md`, the tags above the tests, and `test/golden/features.md`: a `.vs` file is',
    'a recording of the real kernel that the emulator answers identically.',
    '',
    ...counts(matrix).map((line) => `- ${line}`),
    '',
    ...sections.flatMap(table),
  ].join('\n');
}

/** Whether the page that stands there is the one that would be written; a sentence if not. */
export function stale(matrix: Matrix, written: string | undefined): string[] {
  return written === page(matrix) ? [] : [`${PAGE} is not what the tests say: run npm run features.`];
}
