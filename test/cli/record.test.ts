import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, folderWith, ROOT, TRACES } from './cli.ts';

const NAMES = ['a2-cfg-probe-w4-igbvf', 'a3-cfg-behave-nvmepf', 'c-irq-real-edu', 'g-sriov-token', 'm-mtty-basic'];
const script = (name: string): string => readFileSync(join(ROOT, TRACES, `${name}.vs`), 'utf8');
const file = folderWith(Object.fromEntries(NAMES.map((name) => [`${name}.vs`, script(name)])));

test('what record writes of golden scripts, play finds to be the same, and a second record refuses', async () => {
  const first = await cli(['record', file('.'), '--json']);
  expect({ code: first.code, err: first.err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(first.out).recordings).toHaveLength(NAMES.length);
  const [played, second] = await Promise.all([cli(['play', file('.')]), cli(['record', file('.')])]);
  expect({ code: played.code, err: played.err }).toEqual({ code: 0, err: '' });
  expect(played.out).toMatch(/\n5 traces, \d+ steps: \d+ identical, 0 different, \d+ not compared\n$/);
  expect(second).toEqual({ code: 2, out: '', err: expect.stringMatching(/exists already; --force replaces it\n$/) });
}, 60_000);
