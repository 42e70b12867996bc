import { describe, expect, test } from 'vitest';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { migrationArcs, migrationPath } from '../../src/vfio/migration/arcs.ts';
import { Bench, type OpenVf } from '../../test/variant/mlx5-bench.ts';
import { MLX5_ARCS } from './arcs.ts';
import { MLX5_MIGRATION_FLAGS } from './migration-ops.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;
const STATES = [STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P];
const FILE_ARCS = [
  [RUNNING, PRE_COPY],
  [RUNNING_P2P, PRE_COPY_P2P],
  [STOP, STOP_COPY],
  [STOP, RESUMING],
];

/** Brings a running VF into a state by its own path. */
function bring(bench: Bench, user: OpenVf, state: number): void {
  expect(user.device.setState(state).result).toBe(0);
  bench.settle();
}

test('the table has every arc of the state machine, once', () => {
  const key = ({ from, to }: { from: number; to: number }): string => `${from}>${to}`;
  expect(MLX5_ARCS.map(key).sort()).toEqual(migrationArcs(MLX5_MIGRATION_FLAGS).map(key).sort());
});

describe('what each arc asks of the parent', () => {
  const save = (track: number): string[] => [
    'allocPd',
    'query inc=0',
    'createMkey',
    'createMkey',
    ...(track ? ['createMkey'] : []),
    `save inc=0 track=${track}`,
  ];
  const cases: [from: number, to: number, interactions: string[]][] = [
    [RUNNING, RUNNING_P2P, ['suspend 0']],
    [RUNNING_P2P, STOP, ['suspend 1']],
    [STOP, RUNNING_P2P, ['resume 0']],
    [RUNNING_P2P, RUNNING, ['resume 1']],
    [RUNNING, PRE_COPY, save(1)],
    [RUNNING_P2P, PRE_COPY_P2P, save(1)],
    [PRE_COPY, PRE_COPY_P2P, ['suspend 0']],
    [PRE_COPY_P2P, PRE_COPY, ['resume 1']],
    [PRE_COPY_P2P, STOP_COPY, ['suspend 1', 'query inc=1', 'save inc=1 track=0']],
    [
      PRE_COPY,
      RUNNING,
      ['query inc=1', 'save inc=0 track=0', 'destroyMkey', 'destroyMkey', 'destroyMkey', 'deallocPd'],
    ],
    [STOP, STOP_COPY, save(0)],
    [STOP_COPY, STOP, ['destroyMkey', 'destroyMkey', 'deallocPd']],
    [STOP, RESUMING, ['allocPd']],
    [RESUMING, STOP, ['deallocPd']],
  ];
  test.each(cases)('%i to %i', (from, to, interactions) => {
    const bench = new Bench();
    const user = bench.open(0);
    bring(bench, user, from);
    bench.forget();
    bring(bench, user, to);
    expect(bench.names).toEqual(interactions);
    expect(bench.card.illegal).toEqual([]);
  });
});

// covers: MG03 MG07
test('every target from every state: the path of the state machine, a file only from the last arc', () => {
  for (const from of STATES)
    for (const target of [...STATES, 0, 8, 0xffff_ffff]) {
      const bench = new Bench();
      const user = bench.open(0);
      bring(bench, user, from);
      const path = migrationPath(MLX5_MIGRATION_FLAGS, from, target);
      const answer = user.device.setState(target);
      bench.settle();
      const last = typeof path === 'number' ? [] : path.slice(-2);
      const gives = FILE_ARCS.some(([a, b]) => last[0] === a && last[1] === b);
      expect([from, target, answer.result]).toEqual([from, target, typeof path === 'number' ? -22 : 0]);
      expect(answer.dataFd >= 0).toBe(gives);
      expect(user.device.getState().state).toBe(typeof path === 'number' ? from : target);
      expect(bench.card.illegal).toEqual([]);
    }
});

// covers: MG06
test('a failing arc leaves the state it started from', () => {
  for (const [opcode, target, stays] of [
    [0x115, STOP, RUNNING],
    [0x800, STOP_COPY, STOP],
    [0x117, PRE_COPY, RUNNING],
    [0x200, STOP_COPY, STOP],
  ] as const) {
    let fail = false;
    const bench = new Bench({ failNext: (op) => (fail && op === opcode ? 0x01 : undefined) });
    const user = bench.open(0);
    fail = true;
    expect(user.device.setState(target)).toEqual({ result: -5, state: target, dataFd: -1 });
    fail = false;
    bench.settle();
    expect(user.device.getState().state).toBe(stays);
    expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0, savesTracked: 0 });
  }
});

test('leaving pre-copy gives back what the firmware tracks with, however often', () => {
  const bench = new Bench();
  const user = bench.open(0);
  for (let round = 0; round < 40; round++) {
    expect(user.device.setState(PRE_COPY).result).toBe(0);
    expect(user.device.setState(RUNNING).result).toBe(0);
  }
  expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0, savesTracked: 0 });
  expect(bench.card.illegal).toEqual([]);
});

test('every command names the VHCA of its own VF', () => {
  const bench = new Bench();
  const users = [bench.open(0), bench.open(1)];
  for (const user of users) {
    bench.forget();
    for (const state of [PRE_COPY, STOP_COPY, RESUMING, RUNNING]) bring(bench, user, state);
    const named = new Set(bench.calls.flatMap(({ args }) => ('vhcaId' in args ? [args.vhcaId] : [])));
    expect([...named]).toEqual([user.vf.abilities.vhcaId]);
  }
  expect(users[0]!.vf.abilities.vhcaId).not.toBe(users[1]!.vf.abilities.vhcaId);
});

test('a card that cannot migrate leaves a plain device', () => {
  for (const missing of ['migration', 'migratable', 'migration_multi_load', 'migration_tracking_state'] as const) {
    const bench = new Bench({ capabilities: { [missing]: false } });
    expect(bench.pf.virtfns[0]!.driver?.name).toBe('mlx5-vfio-pci');
    const user = bench.openPlain(0);
    expect(user.migrationFlags()).toBe(-25);
    expect(user.setState(STOP).result).toBe(-25);
  }
});
