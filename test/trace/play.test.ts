import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InputError, type Machine } from '../../src/trace/index.ts';
import { BDF, fakeMachine } from './fake-machine.ts';
import { command, INFO, SCRIPT, writeTrace } from './script-commands.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'play-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function trace(name: string, script = INFO, change?: (recording: string) => string): string {
  return writeTrace(join(folder, `${name}.vs`), script, change);
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

  test('play shows the line, the call, what rules it, and both answers by name, and ends with 1', () => {
    trace('a', INFO, (text) => text.replace('020000000900000005000000', '030000000900000004000000'));
    const { out, code } = command(['play', folder]);
    expect(code).toBe(1);
    const lines = out.replaceAll(folder, '').split('\n');
    expect(lines.filter((line) => !line.startsWith('            argsz covers'))).toEqual([
      'differs /a.vs 4/5 (1 different)',
      '/a.vs:5  ioctl dev VFIO_DEVICE_GET_INFO u32:16 pad:12',
      `  call      ioctl VFIO_DEVICE_GET_INFO on device ${BDF} { argsz: 0x10, flags: 0, num_regions: 0, num_irqs: 0 }`,
      '  ruled by  core-pci 4 GET_INFO (vfio_pci_core.c: vfio_pci_ioctl_get_info)',
      '  ! out.flags        expected 3 VFIO_DEVICE_FLAGS_RESET|VFIO_DEVICE_FLAGS_PCI',
      '                     actual   2 VFIO_DEVICE_FLAGS_PCI',
      '  ! out.num_irqs     expected 4',
      '                     actual   5',
      '    ret              both     0',
      '    out.argsz        both     0x10',
      '    out.num_regions  both     9',
      '1 traces, 5 steps: 4 identical, 1 different, 0 not compared',
      '',
    ]);
  });

  test('play --json prints exactly its object', () => {
    const file = trace('a', INFO, (text) => text.replace('"data":"00000000"', '"data":"00000001"'));
    const { out, code } = command(['play', file, '--json', '--seed', '1']);
    expect(code).toBe(1);
    const difference = {
      n: 6,
      step: 'pread dev r7 4',
      call: `pread on device ${BDF} at config + 0x0 PCI_VENDOR_ID`,
      ruledBy: {
        section: 'core-pci 8.3 standard header masks',
        source: expect.stringContaining('vfio_pci_config.c: '),
        rule: expect.any(String),
      },
      expected: { ret: 4, data: '00000001' },
      actual: { ret: 4, data: '00000000' },
      fields: [{ name: 'data.PCI_DEVICE_ID', expected: '0x0100', actual: '0x0000' }],
      agreed: [{ name: 'ret', value: 4 }],
    };
    const told = { firstDifference: difference, differences: [difference] };
    const files = [{ file, steps: 5, identical: 4, different: 1, notCompared: 0, ...told }];
    expect(JSON.parse(out)).toEqual({ traces: 1, steps: 5, identical: 4, different: 1, notCompared: 0, files });
  });

  test('--first limits what is shown of each file, and changes no count', () => {
    const wrong = (text: string): string => text.replaceAll('"ret":0', '"ret":1');
    trace('a', INFO, wrong);
    trace('b', INFO, wrong);
    const shown = (...args: string[]): number => command(['play', folder, ...args]).out.match(/\.vs:\d+ {2}/g)!.length;
    expect(shown()).toBe(4);
    expect(shown('--first')).toBe(2);
    expect(shown('--first', '1')).toBe(2);
    expect(shown('--first', '7')).toBe(4);
    const { out } = command(['play', folder, '--first']);
    expect(out).toContain('a.vs: 1 more difference is not shown\n');
    expect(out).toContain('2 traces, 10 steps: 6 identical, 4 different, 0 not compared');
    const json = JSON.parse(command(['play', folder, '--first', '--json']).out);
    expect(json.files.map((one: { differences: unknown[] }) => one.differences.length)).toEqual([1, 1]);
    expect(json.different).toBe(4);
  });

  test('--only takes a part of the name, or a pattern of all of it', () => {
    for (const name of ['c-irqs-edu', 'c-irqs-nvme', 'c-irq-real']) trace(name);
    const played = (only: string): number => JSON.parse(command(['play', folder, '--only', only, '--json']).out).traces;
    expect(['irqs', 'edu', 'c-irqs-*', '*irq*', 'c-irq?-edu'].map(played)).toEqual([2, 1, 2, 3, 1]);
    expect(command(['play', folder, '--only', 'c-irq?'])).toMatchObject({ code: 2, out: '' });
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
  expect(JSON.parse(out).files[0].differences[0].fields).toEqual([{ name: 'fault', actual: 'Error: no memory left' }]);
});
