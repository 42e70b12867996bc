import { beforeAll, expect, test } from 'vitest';
import { cliBatch, type Run } from './cli.ts';

const COMMANDS = [
  'check',
  'merge',
  'safeguards',
  'play',
  'record',
  'replay',
  'show',
  'shrink',
  'list',
  'describe',
] as const;
type Asked = (typeof COMMANDS)[number] | 'all' | 'version';

let runs: Record<Asked, Run>;
beforeAll(async () => {
  const asked = COMMANDS.map((name) => [name, [name, '--help']] as const);
  const all = { ...Object.fromEntries(asked), all: ['--help'], version: ['--version'] };
  runs = await cliBatch(all as Record<Asked, string[]>);
}, 60_000);

test.each(COMMANDS)('%s --help explains its options and ends well', (name) => {
  const { code, out, err } = runs[name];
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(`Usage: vfiolab ${name} [options]`);
  expect(out).toContain('--help');
});

test('--help lists every command once', () => {
  const { code, out } = runs.all;
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(out.match(new RegExp(`^  ${name} `, 'gm'))).toHaveLength(1);
});

test('--version prints a version', () => {
  expect(runs.version).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
});
