import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { playCommand } from '../../src/cli/play.ts';
import { InputError, type Machine } from '../../src/trace/index.ts';
import { BDF, fakeMachine } from './fake-machine.ts';

const SCRIPT = `# one function\nbind d ${BDF}\nopen g /dev/vfio/$d.group\nioctl g VFIO_GROUP_GET_DEVICE_FD str:${BDF} >dev\n`;
const INFO = `${SCRIPT}ioctl dev VFIO_DEVICE_GET_INFO u32:16 pad:12\npread dev r7 4\n`;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'play-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Said {
  out: string;
  err: string;
  code: number | undefined;
}

function command(args: string[], machine: (name: string) => Machine = () => fakeMachine()): Said {
  const said: Said = { out: '', err: '', code: undefined };
  const terminal = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    live: false,
    exit: (code: number) => {
      said.code = code;
    },
  };
  const program = new Command();
  playCommand(program, { machine, terminal });
  program.parse(args, { from: 'user' });
  return said;
}

/** Writes a script and the recording the fake machine gives of it. */
function trace(name: string, script = INFO, change: (recording: string) => string = (text) => text): string {
  const file = join(folder, `${name}.vs`);
  writeFileSync(file, script);
  writeFileSync(join(folder, `${name}.jsonl`), change(command(['record', file]).out));
  return file;
}

describe('record and play', () => {
  test('agree with each other', () => {
    trace('a');
    trace('b');
    const { out, err, code } = command(['play', folder]);
    expect(code).toBe(0);
    expect(err).toBe('');
    expect(out).toContain('2 traces, 10 steps: 10 identical, 0 different, 0 not compared');
  });

  test('record writes a file when asked', () => {
    const file = trace('a');
    const recording = join(folder, 'other.jsonl');
    expect(command(['record', file, '-o', recording]).code).toBe(0);
    expect(readFileSync(recording, 'utf8')).toBe(readFileSync(join(folder, 'a.jsonl'), 'utf8'));
  });

  test('play tells which field of which struct differs, and ends with 1', () => {
    trace('a', INFO, (text) => text.replace('0900000005000000', '0900000004000000'));
    const { out, code } = command(['play', folder]);
    expect(code).toBe(1);
    expect(out).toContain('a.vs:5');
    expect(out).toContain(`ioctl VFIO_DEVICE_GET_INFO on device ${BDF} { argsz: 0x10, flags: 0`);
    expect(out).toContain('out.num_irqs: expected 4, actual 5');
    expect(out).not.toContain('out.num_regions');
  });

  test('play --json prints exactly its object', () => {
    const file = trace('a', INFO, (text) => text.replace('"data":"00000000"', '"data":"00000001"'));
    const { out, code } = command(['play', file, '--json', '--seed', '1']);
    expect(code).toBe(1);
    const step = {
      n: 6,
      step: 'pread dev r7 4',
      expected: { ret: 4, data: '00000001' },
      actual: { ret: 4, data: '00000000' },
    };
    const fields = [{ name: 'data', expected: '00000001', actual: '00000000' }];
    const files = [{ file, steps: 5, identical: 4, different: 1, firstDifference: { ...step, fields } }];
    expect(JSON.parse(out)).toEqual({ traces: 1, steps: 5, identical: 4, different: 1, notCompared: 0, files });
  });

  test('--all shows every difference, --first stops at one, --only chooses scripts', () => {
    const wrong = (text: string): string => text.replaceAll('"ret":0', '"ret":1');
    trace('a', INFO, wrong);
    trace('b', INFO, wrong);
    const count = (args: string[]): number => command(['play', folder, ...args]).out.match(/\.vs:\d+/g)!.length;
    expect(count([])).toBe(2);
    expect(count(['--first'])).toBe(1);
    expect(count(['--only', 'b'])).toBe(1);
    expect(count(['--all', '--only', 'b'])).toBe(2);
  });

  test('live registers count as not compared', () => {
    const live = (): Machine => Object.assign(fakeMachine(), { live: true });
    trace('a', `${SCRIPT}pread dev r0 4\n`, (text) => text.replace('"data":"00000000"', '"data":"0000000f"'));
    expect(command(['play', folder], live)).toMatchObject({ code: 0 });
    expect(command(['play', folder], live).out).toContain('4 steps: 3 identical, 0 different, 1 not compared');
  });
});

describe('wrong input ends with 2 and one sentence', () => {
  test.each<[string, () => string[], string]>([
    ['no path', () => ['play'], 'play needs the path of a script or of a folder of scripts'],
    ['a path that is not there', () => ['play', '/nowhere.vs'], '/nowhere.vs does not exist'],
    ['a folder without scripts', () => ['play', folder], 'no script (*.vs) in'],
    ['a name that no script has', () => ['play', trace('a').replace('a.vs', ''), '--only', 'z'], "no script named 'z'"],
    [
      'a script without its recording',
      () => {
        const file = trace('a');
        rmSync(file.replace('.vs', '.jsonl'));
        return ['play', file];
      },
      'a.jsonl does not exist',
    ],
    [
      'a corrupt recording',
      () => ['play', trace('a', INFO, (text) => text.slice(0, -5))],
      'a.jsonl:5: this is not JSON',
    ],
    [
      'a corrupt script',
      () => {
        const file = trace('a');
        writeFileSync(file, 'jump\n');
        return ['play', file];
      },
      "a.vs:1: unknown verb 'jump'",
    ],
  ])('%s', (_, args, complaint) => {
    const { out, err, code } = command(args());
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(complaint);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('an unknown machine', () => {
    const file = trace('a');
    const unknown = (name: string): Machine => {
      throw new InputError(`no machine '${name}'`);
    };
    expect(command(['play', file, '--machine', 'moon'], unknown)).toEqual({
      out: '',
      err: "no machine 'moon'\n",
      code: 2,
    });
  });
});

test('what the emulator throws is a fault of its own, and ends with 3', () => {
  const file = trace('a');
  const broken = (): Machine => ({
    ...fakeMachine(),
    process: () => {
      throw new Error('no memory left');
    },
  });
  const { err, code, out } = command(['play', file, '--json'], broken);
  expect(code).toBe(3);
  expect(err).toContain('a.vs:2: the emulator failed: Error: no memory left');
  expect(JSON.parse(out).files[0].firstDifference.fields).toEqual([{ name: 'fault', actual: 'Error: no memory left' }]);
});
