import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { cli, cliBatch, folderWith, ROOT, type Run, TRACES } from './cli.ts';

const script = readFileSync(join(ROOT, TRACES, 'e-type1-v2.vs'), 'utf8');
const recording = readFileSync(join(ROOT, TRACES, 'e-type1-v2.jsonl'), 'utf8');
const lines = recording.split('\n');
const scenario = {
  version: 2,
  setting: {},
  variant: 'mlx5',
  seed: 1,
  machine: 'mlx5',
  property: 'integrity',
  message: 'm',
  twin: 'integrity',
  steps: [],
  schedule: [],
};
const file = folderWith({
  'alone.vs': script,
  'corrupt.vs': script,
  'corrupt.jsonl': `${lines.slice(0, 5).join('\n')}\n{"n":`,
  'short.vs': script,
  'short.jsonl': lines.slice(0, 20).join('\n'),
  'verb.vs': 'fly away\n',
  'verb.jsonl': '',
  'text.json': 'no JSON',
  'later.json': JSON.stringify({ ...scenario, version: 3 }),
  'bare.json': '[]',
  'step.json': JSON.stringify({ ...scenario, steps: [{ by: 'A', op: 'fly', args: {} }], schedule: [0] }),
  'other.json': JSON.stringify({ ...scenario, variant: 'other' }),
  'whole.json': JSON.stringify(scenario),
  'switch.json': '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096],"pasids":true},"root":[]}',
  'virtual.json': '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096],"virtual":"amd"},"root":[]}',
  'pages.json': '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[3000]},"root":[]}',
  'half.json': '{"name":"x","iommu":{}}',
  'model.json':
    '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096]},"root":[{"devfn":"01.0","function":{"name":"f","model":"none"}}]}',
  'shape.json': '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096]},"root":[5]}',
  'laterpart.json': '{"part":{"format":2}}',
  'halfpart.json': '{"variant":"mlx5","seed":1,"part":{"format":1}}',
  'nodump.json':
    '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096]},"root":[{"devfn":"01.0","function":{"dump":"gone.txt"}}]}',
  'baddump.json':
    '{"name":"x","iommu":{"aperture":[0,65535],"pageSizes":[4096]},"root":[{"devfn":"01.0","function":{"dump":"text.json"}}]}',
});
const good = `${TRACES}/e-type1-v2.vs`;

const CASES = {
  'no command': [],
  'an unknown command': ['chek', 'mlx5'],
  'help on an unknown command': ['help', 'fly'],
  'no variant': ['check'],
  'an unknown variant': ['check', 'other', '--json'],
  'an unknown option': ['check', 'mlx5', '--jsn'],
  'a number that is none': ['check', 'mlx5', '--cases', '1x'],
  'no cases': ['check', 'mlx5', '--cases', '0'],
  'a duration that is none': ['check', 'mlx5', '--time', '5parsecs'],
  'no time': ['check', 'mlx5', '--time', '0s'],
  'a negative seed': ['check', 'mlx5', '--seed', '-1'],
  'an argument too many': ['check', 'mlx5', 'twice'],
  'nothing to play': ['play'],
  'a script that is not there': ['play', file('missing.vs'), '--json'],
  'a script without a recording': ['play', file('alone.vs'), '--json'],
  'a corrupt recording': ['play', file('corrupt.vs'), '--json'],
  'a recording that ends early': ['play', file('short.vs')],
  'an unknown verb': ['play', file('verb.vs')],
  'a file that is no script': ['play', file('text.json')],
  'a name that no script has': ['play', TRACES, '--only', 'zzz'],
  'an unknown machine': ['play', good, '--machine', 'other'],
  'a machine file that is not JSON': ['play', good, '--machine', file('text.json')],
  'a machine file that lacks a part': ['play', good, '--machine', file('half.json')],
  'a machine file with a switch that there is not': ['play', good, '--machine', file('switch.json')],
  'a machine file with an unknown kind of virtual IOMMU': ['play', good, '--machine', file('virtual.json')],
  'a machine file with a page size that is none': ['play', good, '--machine', file('pages.json')],
  'a machine file with an unknown model': ['play', good, '--machine', file('model.json')],
  'a machine file of the wrong shape': ['play', good, '--machine', file('shape.json')],
  'a machine file whose dump is not there': ['play', good, '--machine', file('nodump.json')],
  'a machine file whose dump is none': ['play', good, '--machine', file('baddump.json')],
  'a number of differences that is none': ['play', good, '--first', '0'],
  'a path for a number of differences': ['play', '--first', good],
  'a seed that is none': ['play', good, '--seed', 'x'],
  'nothing to record': ['record'],
  'a script to record that is not there': ['record', file('missing.vs')],
  'a recording that exists': ['record', good, '--json'],
  'a recording that cannot be written': ['record', good, '-o', '/dev/null/at/all'],
  'two recordings on standard output': ['record', TRACES, '--out', '-'],
  'two recordings in one file': ['record', good, good, '--out', file('twice')],
  'a machine to record that is unknown': ['record', good, '--machine', 'other', '--out', file('new.jsonl')],
  'no workers': ['check', 'mlx5', '--workers', '0'],
  'a part that is none': ['check', 'mlx5', '--seed', '1', '--shard', '3/2'],
  'a part counted from 0': ['check', 'mlx5', '--seed', '1', '--shard', '0/2'],
  'a part without a seed': ['check', 'mlx5', '--shard', '1/2'],
  'no parts to join': ['merge'],
  'a part that is not there': ['merge', file('missing.json')],
  'a part that is not JSON': ['merge', file('text.json')],
  'a part that is a counterexample': ['merge', file('other.json')],
  'a part of a later form': ['merge', file('laterpart.json')],
  'a part with holes': ['merge', file('halfpart.json')],
  'bytes that are not there': ['replay', file('missing.bin')],
  'bytes for another variant': ['replay', file('text.json'), '--variant', 'other'],
  'a counterexample that is not there': ['replay', file('missing.json')],
  'a counterexample that is not JSON': ['replay', file('text.json')],
  'a counterexample without a version': ['replay', file('bare.json')],
  'a counterexample of another version': ['replay', file('later.json'), '--json'],
  'a counterexample with an unknown step': ['replay', file('step.json')],
  'a counterexample about another variant': ['replay', file('other.json')],
  'one of several counterexamples that is not there': ['replay', file('missing.json'), file('text.json'), '--json'],
  'a counterexample to show that is not there': ['show', file('missing.json')],
  'a counterexample to show about another variant': ['show', file('other.json'), '--json'],
  'a test that exists already': ['show', file('whole.json'), '--emit-test', file('text.json')],
  'a test that cannot be written': ['show', file('whole.json'), '--emit-test', '/dev/null/here.test.ts', '--json'],
  'a test of a campaign that exists already': ['check', 'mlx5', '--cases', '1', '--emit-test', file('text.json')],
  'a counterexample to shrink that is not JSON': ['shrink', file('text.json')],
  'a counterexample to shrink that holds': ['shrink', file('whole.json')],
  'a smaller counterexample where there is a file': ['shrink', file('whole.json'), '--out', file('text.json')],
  'no runs to shrink in': ['shrink', file('whole.json'), '--runs', '0'],
  'a dossier of an unknown variant': ['describe', 'other'],
  'two formats at once': ['describe', 'mlx5', '--json', '--markdown'],
} as const satisfies Record<string, readonly string[]>;
type Case = keyof typeof CASES;

let runs: Record<Case, Run>;
let alone: Run;
beforeAll(async () => {
  [runs, alone] = await Promise.all([cliBatch(CASES), cli(CASES['a counterexample of another version'])]);
}, 60_000);

test('a process of its own ends in the same way', () => {
  expect(alone).toEqual(runs['a counterexample of another version']);
});

test.each(Object.keys(CASES) as Case[])(
  '%s is answered with one sentence on standard error, and exit code 2',
  (name) => {
    const { code, out, err } = runs[name];
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(name.startsWith('one of several') ? /^([^\n]{10,300}\n){2}$/ : /^[^\n]{10,300}\n$/);
    expect(err).not.toMatch(/undefined|\bat .*:\d+:\d+/);
  },
);

test('the sentence names what is wrong', () => {
  const named: Partial<Record<Case, string>> = {
    'an unknown command': 'chek',
    'an unknown variant': 'other',
    'an unknown option': '--jsn',
    'a number that is none': '--cases',
    'a duration that is none': '5parsecs',
    'a script without a recording': 'alone.jsonl',
    'a corrupt recording': 'corrupt.jsonl:6',
    'an unknown verb': 'fly',
    'a machine file with a switch that there is not': 'no part called pasids',
    'a machine file with an unknown kind of virtual IOMMU': 'tegra241-cmdqv',
    'a machine file with a page size that is none': 'pageSizes',
    'a machine file with an unknown model': 'none',
    'a machine file whose dump is not there': 'gone.txt',
    'a machine file whose dump is none': 'this has 0',
    'a path for a number of differences': 'Paths go before --first',
    'a recording that exists': 'e-type1-v2.jsonl exists already',
    'a part that is none': '1/n to n/n',
    'a part that is a counterexample': 'check --shard i/n --json',
    'a part with holes': 'halfpart.json is corrupt',
    'a counterexample of another version': 'version 3',
    'a counterexample with an unknown step': 'step 1',
    'a test that exists already': 'text.json exists already',
    'a test of a campaign that exists already': 'text.json exists already',
    'a smaller counterexample where there is a file': 'text.json exists already',
    'a counterexample to shrink that holds': 'does not break integrity here',
  };
  for (const [name, word] of Object.entries(named)) expect(runs[name as Case].err).toContain(word);
});
