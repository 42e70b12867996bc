import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cli, folderWith, ROOT, type Run, TRACES } from './cli.ts';

interface FileReport {
  file: string;
  steps: number;
  identical: number;
  different: number;
  notCompared: number;
  firstDifference?: unknown;
  differences?: unknown[];
}
interface Report {
  traces: number;
  steps: number;
  identical: number;
  different: number;
  notCompared: number;
  files: FileReport[];
}
const parsed = ({ out }: Run): Report => JSON.parse(out) as Report;
const RECORDINGS = readdirSync(join(ROOT, TRACES)).filter((name) => name.endsWith('.vs')).length;
const read = (name: string): string => readFileSync(join(ROOT, TRACES, name), 'utf8');

/** The recording with one byte of the first struct changed. */
const altered = read('b-info-igbvf.jsonl').replace(/"out":"(..)(..)/, (_, a: string, b: string) => {
  const byte = (Number.parseInt(b, 16) ^ 1).toString(16).padStart(2, '0');
  return `"out":"${a}${byte}`;
});
const file = folderWith({ 'x.vs': read('b-info-igbvf.vs'), 'x.jsonl': altered });

let all: Run;
let one: Run;
let people: Run;
beforeAll(async () => {
  [all, one] = await Promise.all([cli(['play', TRACES, '--json']), cli(['play', file('x.vs'), '--json'])]);
  people = await cli(['play', file('x.vs'), '--first']);
}, 60_000);

describe('play', () => {
  test('of all recordings prints exactly one JSON object, of the documented shape, and ends with 0', () => {
    expect({ code: all.code, err: all.err }).toEqual({ code: 0, err: '' });
    expect(all.out).toMatch(/^\{[^\n]*\}\n$/);
    const report = parsed(all);
    expect(report).toEqual({
      traces: RECORDINGS,
      steps: expect.any(Number),
      identical: expect.any(Number),
      different: 0,
      notCompared: expect.any(Number),
      files: Array.from({ length: RECORDINGS }, () => ({
        file: expect.stringMatching(/\.vs$/),
        steps: expect.any(Number),
        identical: expect.any(Number),
        different: 0,
        notCompared: expect.any(Number),
      })),
    });
    expect(report.identical + report.notCompared).toBe(report.steps);
    expect(report.files.reduce((sum, { steps }) => sum + steps, 0)).toBe(report.steps);
  });

  test('finds a difference of one byte, tells where, and ends with 1', () => {
    expect({ code: one.code, err: one.err }).toEqual({ code: 1, err: '' });
    const [report] = parsed(one).files;
    expect(report).toMatchObject({ different: 1, firstDifference: report!.differences![0] });
    expect(Object.keys(report!.firstDifference as object).sort()).toEqual([
      'actual',
      'agreed',
      'call',
      'expected',
      'fields',
      'n',
      'ruledBy',
      'step',
    ]);
  });

  test('for people shows the script line and both sides', () => {
    expect({ code: people.code, err: people.err }).toEqual({ code: 1, err: '' });
    expect(people.out).toMatch(/x\.vs:\d+/);
    expect(people.out).toContain('expected');
    expect(people.out).toContain('actual');
    expect(people.out).toMatch(/ruled by {2}core-vfio \d.* \(\w+\.c: \w+/);
    // No colours, for it is not a terminal.
    expect(people.out).not.toContain('\x1b');
  });

  test('a fault of the emulator is no difference, and ends with 3', async () => {
    const run = await cli(['play', `${TRACES}/e-type1-v2.vs`, '--json'], { before: 'plant-fault.ts' });
    expect(run.code).toBe(3);
    expect(run.err).toContain('planted');
    expect(parsed(run).traces).toBe(1);
  });
});
