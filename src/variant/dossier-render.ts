/** A dossier as a page: Markdown for a repository or a mailing list, plain text for a terminal. */
import type { Dossier } from './dossier.ts';

/** One block of a page; both renderings come from the same blocks. */
type Block =
  | { readonly heading: string; readonly level: 1 | 2 | 3 }
  | { readonly text: string }
  | { readonly items: readonly string[] }
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] };

function blocksOf(dossier: Dossier): Block[] {
  const { migration, parent } = dossier;
  const none = 'None.';
  const list = (items: readonly string[]): Block => (items.length > 0 ? { items } : { text: none });
  return [
    { heading: `${dossier.driver}: ${dossier.title}`, level: 1 },
    { text: dossier.summary },
    { text: `Devices: ${dossier.ids.join(', ') || 'those it makes itself'}` },
    { heading: 'Callbacks that differ from vfio-pci', level: 2 },
    list(dossier.overrides.map(({ callback, why }) => `${callback}: ${why}`)),
    { heading: 'Interactions with the parent driver', level: 2 },
    { text: parent === null ? none : `${parent.name} (${parent.driver}). ${parent.summary} ${parent.identity}` },
    ...dossier.interactions.flatMap((entry): Block[] => [
      { heading: entry.name, level: 3 },
      { text: entry.summary },
      {
        columns: ['argument', 'type', 'source', 'protection', 'meaning'],
        rows: entry.arguments.map((arg) => [arg.name, arg.type, arg.source, arg.protection, arg.meaning]),
      },
      {
        items: [
          `Effect: ${entry.scope.length > 0 ? entry.scope.join('; ') : 'reads only'}`,
          `Returns: ${entry.returns}`,
          ...entry.errors.map(({ when, errno }) => `${errno}: ${when}`),
          `Reference: ${entry.reference}`,
          ...(entry.approvals.length > 0 ? [`Approved by: ${entry.approvals.join(', ')}`] : []),
        ],
      },
    ]),
    { heading: 'User bytes the driver passes on unchecked', level: 2 },
    list(dossier.opaqueDoors),
    { heading: 'Migration data', level: 2 },
    {
      text:
        migration.flags.length > 0
          ? `Offers ${migration.flags.join(', ')}; dirty logging: ${migration.dirtyLogging ? 'yes' : 'no'}. ${migration.consumption}`
          : 'Not migratable.',
    },
    ...dossier.formats.flatMap((format): Block[] => [
      { heading: format.name, level: 3 },
      { text: format.summary },
      {
        columns: [
          'part',
          'offset',
          'size',
          'name',
          'meaning',
          'producer',
          'otherwise visible',
          'constraint',
          'safeguards',
        ],
        rows: format.fields.map((field) => [
          field.part,
          field.offset === null ? '-' : String(field.offset),
          String(field.size),
          field.name,
          field.meaning,
          field.producer,
          field.userVisible === false ? 'no' : field.userVisible,
          field.constraint,
          field.safeguards.join(', ') || '-',
        ]),
      },
      { items: [...format.order, `Compatibility: ${format.compatibility}`] },
    ]),
    { heading: 'Not otherwise available to the user', level: 2 },
    list(dossier.notOtherwiseVisible),
    { heading: 'Regions', level: 2 },
    list(dossier.regions.map(({ region, change }) => `${region}: ${change}`)),
    { heading: 'Other inputs that are trusted', level: 2 },
    list(dossier.inputs.map(({ name, meaning }) => `${name}: ${meaning}`)),
    { heading: 'Safeguards', level: 2 },
    {
      columns: ['name', 'checks', 'errno'],
      rows: dossier.safeguards.map(({ name, checks, errno }) => [name, checks, errno]),
    },
    ...dossier.safeguards
      .filter(({ redundant }) => redundant !== null)
      .map(({ name, redundant }): Block => ({ text: `${name} is redundant: ${redundant}.` })),
  ];
}

/** The dossier as Markdown. */
export function dossierMarkdown(dossier: Dossier): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const render = (block: Block): string => {
    if ('heading' in block) return `${'#'.repeat(block.level)} ${block.heading}`;
    if ('text' in block) return block.text;
    if ('items' in block) return block.items.map((item) => `- ${item}`).join('\n');
    const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
    return [line(block.columns), line(block.columns.map(() => '---')), ...block.rows.map(line)].join('\n');
  };
  return `${blocksOf(dossier).map(render).join('\n\n')}\n`;
}

/** The dossier as plain text; tables become one indented paragraph a row, which no terminal is too narrow for. */
export function dossierText(dossier: Dossier): string {
  const render = (block: Block): string => {
    if ('heading' in block) {
      if (block.level === 3) return `${block.heading}:`;
      const rule = (block.level === 1 ? '=' : '-').repeat(block.heading.length);
      return `${block.heading}\n${rule}`;
    }
    if ('text' in block) return block.text;
    if ('items' in block) return block.items.map((item) => `  * ${item}`).join('\n');
    return block.rows
      .map((row) =>
        row.map((cell, column) => (column === 0 ? `  ${cell}` : `      ${block.columns[column]}: ${cell}`)).join('\n'),
      )
      .join('\n');
  };
  return `${blocksOf(dossier).map(render).join('\n\n')}\n`;
}
