/** Tables in Markdown pages: the feature data is kept as pages that people read. */
import { readFileSync } from 'node:fs';

/** A row of a table, with the heading it stands under. */
export interface Row {
  readonly section: string;
  readonly cells: readonly string[];
}

/** The rows of every table of a page, without header and ruler lines. */
export function tableRows(markdown: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  let inBody = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3).trim();
    if (/^\|[-|]+\|$/.test(line)) inBody = true;
    else if (!line.startsWith('|')) inBody = false;
    else if (inBody)
      rows.push({
        section,
        cells: line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      });
  }
  return rows;
}

export const readRows = (path: string): Row[] => tableRows(readFileSync(path, 'utf8'));
