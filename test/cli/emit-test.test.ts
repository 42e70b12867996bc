/** A counterexample as a test: it fails for as long as the defect is there, and for the same reason. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli, program, ROOT, type Run } from './cli.ts';

/** Inside the project, so that the test finds vitest; the package's own name stands for its sources. */
mkdirSync(join(ROOT, 'build'), { recursive: true });
const folder = mkdtempSync(join(ROOT, 'build', 'emitted-'));
afterAll(() => rmSync(folder, { recursive: true }));
const TEST = join(folder, 'found.test.ts');

function vitest(name: string, setupFiles: readonly string[]): Promise<Run> {
  const config = {
    root: folder,
    resolve: { alias: { 'vfiolab/lab': join(ROOT, 'src/lab/index.ts') } },
    test: { include: ['*.test.ts'], setupFiles },
  };
  const path = join(folder, `${name}.config.mjs`);
  writeFileSync(path, `export default ${JSON.stringify(config)};\n`);
  return program(['node_modules/vitest/vitest.mjs', 'run', '--config', path, '--no-color']);
}

describe('check --emit-test', () => {
  let checked: Run;
  let planted: Run;
  let cured: Run;
  beforeAll(async () => {
    const args = ['check', 'mlx5', '--seed', '7', '--cases', '20', '--out', join(folder, 'cases'), '--emit-test', TEST];
    checked = await cli(args, { before: 'plant-violation.ts' });
    planted = await vitest('planted', [join(ROOT, 'test/cli/plant-violation.ts')]);
    cured = await vitest('cured', []);
  }, 120_000);

  test('writes a file that needs nothing but the package, with the promise in words', () => {
    expect(checked.code).toBe(1);
    expect(checked.out).toContain(`Test: ${TEST}`);
    const text = readFileSync(TEST, 'utf8');
    expect([...text.matchAll(/from '([^']+)'/g)].map(([, from]) => from)).toEqual(['vitest', 'vfiolab/lab']);
    expect(text).toContain('reset and liveness: after a reset the device is in STOP');
    expect(text).toContain('The rule: Every call returns');
  });

  test('which fails while the defect is there, for the same reason', () => {
    expect(planted.code).toBe(1);
    expect(planted.out).toContain('mlx5: reset and liveness');
    expect(planted.out + planted.err).toContain('after a reset the device is in STOP');
  });

  test('and passes without it', () => {
    expect({ code: cured.code, err: cured.err }).toEqual({ code: 0, err: '' });
    expect(cured.out).toMatch(/Tests +1 passed/);
  });

  test('show writes the same file from a stored counterexample', async () => {
    const [, stored] = /replay (\S+)/.exec(checked.out)!;
    const again = join(folder, 'again.ts');
    const run = await cli(['show', stored!, '--emit-test', again], { before: 'plant-violation.ts' });
    expect({ code: run.code, err: run.err }).toEqual({ code: 0, err: '' });
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(TEST, 'utf8'));
  }, 60_000);
});
