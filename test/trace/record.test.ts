import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Machine } from '../../src/trace/index.ts';
import { fakeMachine } from './fake-machine.ts';
import { command, INFO, SCRIPT } from './script-commands.ts';

let folder: string;
const inFolder = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-'));
  for (const name of ['a.vs', 'b.vs']) writeFileSync(inFolder(name), INFO);
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(inFolder(name), 'utf8');

describe('a recording', () => {
  test('stands beside its script, and plays without a difference', () => {
    const { out, err, code } = command(['record', folder]);
    expect({ out, err, code }).toEqual({
      out: `${inFolder('a.jsonl')} 5 steps\n${inFolder('b.jsonl')} 5 steps\n`,
      err: '',
      code: 0,
    });
    expect(command(['play', folder])).toMatchObject({ code: 0, err: '' });
  });

  test('has a line a step, in the form of the recorder', () => {
    command(['record', inFolder('a.vs')]);
    expect(read('a.jsonl').split('\n').slice(3)).toEqual([
      '{"n":5,"s":"ioctl dev VFIO_DEVICE_GET_INFO u32:16 pad:12","ret":0,"out":"10000000020000000900000005000000"}',
      '{"n":6,"s":"pread dev r7 4","ret":4,"data":"00000000"}',
      '',
    ]);
  });

  test.each([
    ['a file', ['a.vs'], 'x.jsonl', ['x.jsonl']],
    ['a folder that is there', ['a.vs'], 'there', ['there/a.jsonl']],
    ['a folder that is named as one', ['a.vs'], 'new/', ['new/a.jsonl']],
    ['a folder for several scripts', ['a.vs', 'b.vs'], 'new/deep', ['new/deep/a.jsonl', 'new/deep/b.jsonl']],
  ])('goes to %s', (_, scripts, out, files) => {
    mkdirSync(inFolder('there'));
    expect(command(['record', ...scripts.map(inFolder), '--out', inFolder(out)]).code).toBe(0);
    for (const file of files) expect(read(file).split('\n')).toHaveLength(6);
    expect(existsSync(inFolder('a.jsonl'))).toBe(false);
  });

  test('is told about in one JSON object, or printed itself', () => {
    const { out, code } = command(['record', inFolder('a.vs'), '--json', '--seed', '3', '--machine', 'any']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      machine: 'any',
      recordings: [{ script: inFolder('a.vs'), file: inFolder('a.jsonl'), steps: 5 }],
    });
    expect(command(['record', inFolder('a.vs'), '-o', '-'])).toEqual({ out: read('a.jsonl'), err: '', code: 0 });
  });
});

describe('a file that exists', () => {
  test('is not touched, and nothing beside it is written', () => {
    writeFileSync(inFolder('b.jsonl'), 'mine');
    const { out, err, code } = command(['record', folder]);
    expect({ out, err, code }).toEqual({
      out: '',
      err: `${inFolder('b.jsonl')} exists already; --force replaces it\n`,
      code: 2,
    });
    expect(read('b.jsonl')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(['a.vs', 'b.jsonl', 'b.vs']);
  });

  test('is not touched even if it came while the script ran', () => {
    const slow = (): Machine => {
      writeFileSync(inFolder('a.jsonl'), 'theirs');
      return fakeMachine();
    };
    expect(command(['record', inFolder('a.vs')], slow).code).toBe(2);
    expect(read('a.jsonl')).toBe('theirs');
    expect(readdirSync(folder).sort()).toEqual(['a.jsonl', 'a.vs', 'b.vs']);
  });

  test('is replaced with --force', () => {
    writeFileSync(inFolder('b.jsonl'), 'mine');
    expect(command(['record', folder, '--force']).code).toBe(0);
    expect(read('b.jsonl')).toBe(read('a.jsonl'));
  });
});

test('nothing is half written when the emulator fails', () => {
  writeFileSync(inFolder('a.jsonl'), 'mine');
  const failing = (): Machine => {
    const machine = fakeMachine();
    return {
      ...machine,
      process: (name) => Object.assign(machine.process(name), { pread: undefined, readCall: fail }),
    };
  };
  const fail = (): never => {
    throw new Error('planted');
  };
  const { err, code } = command(['record', inFolder('a.vs'), '--force'], failing);
  expect(code).toBe(3);
  expect(err).toContain('the emulator failed: Error: planted');
  expect(read('a.jsonl')).toBe('mine');
  expect(readdirSync(folder).sort()).toEqual(['a.jsonl', 'a.vs', 'b.vs']);
});

test('scripts that would be recorded to one file are refused', () => {
  mkdirSync(inFolder('other'));
  writeFileSync(inFolder('other/a.vs'), SCRIPT);
  const { err, code } = command(['record', inFolder('a.vs'), inFolder('other/a.vs'), '--out', inFolder('new')]);
  expect(code).toBe(2);
  expect(err).toBe(`two scripts would both be recorded to ${inFolder('new/a.jsonl')}\n`);
});
