import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { describeCommand } from '../../src/cli/describe.ts';
import { dossierOf } from '../../src/variant/dossier.ts';
import { dossierMarkdown, dossierText } from '../../src/variant/dossier-render.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';

const dossier = dossierOf(mlx5.declaration);

test('every interaction is there with its scope, and user-derived arguments with what makes them safe', () => {
  expect(dossier.interactions.map(({ name }) => name)).toEqual(Object.keys(mlx5.declaration.parent!.interactions));
  for (const interaction of dossier.interactions)
    for (const argument of interaction.arguments)
      if (argument.source === 'user-derived') expect(argument.protection).toMatch(/[A-Z_]+/);
  const load = dossier.interactions.find(({ name }) => name === 'load')!;
  expect(load.scope).toEqual(['this VF']);
  expect(load.arguments.map(({ name, source }) => [name, source])).toEqual([
    ['vhcaId', 'kernel'],
    ['image', 'opaque'],
    ['size', 'user-derived'],
  ]);
});

test('the opaque doors and what is not otherwise visible stand out', () => {
  expect(dossier.opaqueDoors).toHaveLength(1);
  expect(dossier.opaqueDoors[0]).toMatch(/^load\(image\): the firmware/);
  expect(dossier.notOtherwiseVisible).toHaveLength(1);
  expect(dossier.notOtherwiseVisible[0]).toMatch(/^FW_DATA\.payload/);
});

test('every safeguard has its errno', () => {
  const errnos = Object.fromEntries(dossier.safeguards.map(({ name, errno }) => [name, errno]));
  expect(errnos).toMatchObject({ RECORD_SIZE_LIMIT: 'ENOMEM', KNOWN_TAG: 'EOPNOTSUPP', PARENT_ATTACHED: 'ENOTCONN' });
  expect(new Set(dossier.safeguards.map(({ name }) => name)).size).toBe(dossier.safeguards.length);
});

test('both renderings say everything the other says', () => {
  const markdown = dossierMarkdown(dossier);
  const text = dossierText(dossier);
  for (const page of [markdown, text]) {
    for (const { name, summary } of dossier.interactions) {
      expect(page).toContain(name);
      expect(page).toContain(summary);
    }
    for (const { meaning } of dossier.formats[0]!.fields) expect(page).toContain(meaning);
    for (const { checks } of dossier.safeguards) expect(page).toContain(checks);
  }
  expect(markdown).toContain('| header | 0 | 8 | record_size |');
});

describe('describe', () => {
  function run(...args: string[]): { out: string; err: string; code: number | undefined } {
    const result = { out: '', err: '', code: undefined as number | undefined };
    const program = new Command();
    describeCommand(program, {
      variants: [mlx5],
      terminal: {
        out: (text) => {
          result.out += text;
        },
        err: (text) => {
          result.err += text;
        },
        exit: (code) => {
          result.code = code;
        },
      },
    });
    program.parse(['describe', ...args], { from: 'user' });
    return result;
  }

  test('prints text, Markdown or JSON', () => {
    expect(run('mlx5').out).toBe(dossierText(dossier));
    expect(run('mlx5', '--markdown').out).toBe(dossierMarkdown(dossier));
    expect(JSON.parse(run('mlx5', '--json').out)).toEqual(JSON.parse(JSON.stringify(dossier)));
  });

  test('says what it knows when it does not know the variant', () => {
    expect(run('mlx4')).toEqual({ out: '', err: 'no variant is called "mlx4"; known: mlx5\n', code: 2 });
    expect(run('mlx5', '--json', '--markdown').code).toBe(2);
  });
});
