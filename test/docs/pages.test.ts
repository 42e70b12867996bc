/** README and docs: what they point to exists, and the package exports what the rooms are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((f) => f.endsWith('.md'))
    .map((f) => `docs/${f}`),
];
/** What a path of the repository starts with; docs/api is made by typedoc. */
const ROOMS = /^(src|sim|test|variants|docs(?!\/api)|core)\//;

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(page, 'utf8');
  test('links lead somewhere', () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => join(dirname(page), target!));
    for (const target of targets) expect(existsSync(target), target).toBe(true);
  });
  test('paths in code spans exist', () => {
    for (const [, path] of text.matchAll(/`([^`\s]+)`/g))
      if (ROOMS.test(path!) && !/[*<]/.test(path!))
        expect(existsSync(path!) || existsSync(`variants/mlx5/${path}`), path).toBe(true);
  });
});

test('the README fits on a screen, and its commands come first', () => {
  const lines = readFileSync('README.md', 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(60);
  expect(lines.slice(0, 20).join('\n')).toMatch(/npm ci && npm run lab -- check mlx5.*npm ci && npm test/s);
});

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

describe('exports of the package', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  test.each(Object.entries(exports))('%s is built from a room', async (_name, entry) => {
    const source = entry.default.replace('./dist/', '').replace(/\.js$/, '.ts');
    expect(entry.types).toBe(entry.default.replace(/\.js$/, '.d.ts'));
    expect(Object.keys((await import(/* @vite-ignore */ resolve(source))) as object).length).toBeGreaterThan(0);
  });
  test('and every room is documented', () => {
    const { entryPoints } = JSON.parse(readFileSync('typedoc.json', 'utf8')) as { readonly entryPoints: string[] };
    const sources = Object.values(exports).map((entry) => entry.default.replace('./dist/', '').replace(/\.js$/, '.ts'));
    expect([...entryPoints].sort()).toEqual(sources.sort());
  });
});
