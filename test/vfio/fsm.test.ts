import { afterEach, describe, expect, it } from 'vitest';
import { HANG, Scheduler } from '../../sim/scheduler.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, type MigState } from '../../src/uapi/vfio.ts';
import {
  DATA_FILE_ARCS,
  MIG_REFUSED,
  migrationArcs,
  migrationFsm,
  migrationPath,
  migStateName,
  SESSION_END_ARCS,
} from '../../src/vfio/migration/arcs.ts';
import { walkMigration } from '../../src/vfio/migration/walk.ts';
import { immediately } from './fake-device.ts';

type Name = keyof typeof MIG_STATE;
interface Table {
  readonly flags: number;
  readonly targets: readonly Name[];
  /** First step from the row's state towards each target; `-` is no step. */
  readonly rows: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  /** What a driver implements; `<>` is both ways. */
  readonly arcs: string;
}

/** The kernel's answers for every set of migration flags a device can have. */
const TABLES: readonly Table[] = [
  {
    flags: 0x1,
    targets: ['STOP', 'RUNNING', 'STOP_COPY', 'RESUMING'],
    rows: {
      STOP: '- RUNNING STOP_COPY RESUMING',
      RUNNING: 'STOP - STOP STOP',
      STOP_COPY: 'STOP STOP - STOP',
      RESUMING: 'STOP STOP STOP -',
    },
    paths: [
      'RUNNING STOP STOP_COPY',
      'RUNNING STOP RESUMING',
      'STOP_COPY STOP RUNNING',
      'STOP_COPY STOP RESUMING',
      'RESUMING STOP RUNNING',
      'RESUMING STOP STOP_COPY',
    ],
    arcs: 'RUNNING<>STOP STOP<>STOP_COPY STOP<>RESUMING',
  },
  {
    flags: 0x3,
    targets: ['STOP', 'RUNNING', 'STOP_COPY', 'RESUMING', 'RUNNING_P2P'],
    rows: {
      STOP: '- RUNNING_P2P STOP_COPY RESUMING RUNNING_P2P',
      RUNNING: 'RUNNING_P2P - RUNNING_P2P RUNNING_P2P RUNNING_P2P',
      STOP_COPY: 'STOP STOP - STOP STOP',
      RESUMING: 'STOP STOP STOP - STOP',
      RUNNING_P2P: 'STOP RUNNING STOP STOP -',
    },
    paths: [
      'STOP RUNNING_P2P RUNNING',
      'RUNNING RUNNING_P2P STOP',
      'RUNNING RUNNING_P2P STOP STOP_COPY',
      'RUNNING RUNNING_P2P STOP RESUMING',
      'STOP_COPY STOP RUNNING_P2P RUNNING',
      'STOP_COPY STOP RESUMING',
      'STOP_COPY STOP RUNNING_P2P',
      'RESUMING STOP RUNNING_P2P RUNNING',
      'RESUMING STOP STOP_COPY',
      'RESUMING STOP RUNNING_P2P',
      'RUNNING_P2P STOP STOP_COPY',
      'RUNNING_P2P STOP RESUMING',
    ],
    arcs: 'RUNNING<>RUNNING_P2P RUNNING_P2P<>STOP STOP<>STOP_COPY STOP<>RESUMING',
  },
  {
    flags: 0x5,
    targets: ['STOP', 'RUNNING', 'STOP_COPY', 'RESUMING', 'PRE_COPY'],
    rows: {
      STOP: '- RUNNING STOP_COPY RESUMING RUNNING',
      RUNNING: 'STOP - STOP STOP PRE_COPY',
      STOP_COPY: 'STOP STOP - STOP EINVAL',
      RESUMING: 'STOP STOP STOP - STOP',
      PRE_COPY: 'RUNNING RUNNING STOP_COPY RUNNING -',
    },
    paths: [
      'STOP RUNNING PRE_COPY',
      'RUNNING STOP STOP_COPY',
      'RUNNING STOP RESUMING',
      'STOP_COPY STOP RUNNING',
      'STOP_COPY STOP RESUMING',
      'RESUMING STOP RUNNING',
      'RESUMING STOP STOP_COPY',
      'RESUMING STOP RUNNING PRE_COPY',
      'PRE_COPY RUNNING STOP',
      'PRE_COPY RUNNING STOP RESUMING',
    ],
    arcs: 'RUNNING<>STOP RUNNING<>PRE_COPY PRE_COPY>STOP_COPY STOP<>STOP_COPY STOP<>RESUMING',
  },
  {
    flags: 0x7,
    targets: ['STOP', 'RUNNING', 'STOP_COPY', 'RESUMING', 'RUNNING_P2P', 'PRE_COPY', 'PRE_COPY_P2P'],
    rows: {
      STOP: '- RUNNING_P2P STOP_COPY RESUMING RUNNING_P2P RUNNING_P2P RUNNING_P2P',
      RUNNING: 'RUNNING_P2P - RUNNING_P2P RUNNING_P2P RUNNING_P2P PRE_COPY RUNNING_P2P',
      STOP_COPY: 'STOP STOP - STOP STOP EINVAL EINVAL',
      RESUMING: 'STOP STOP STOP - STOP STOP STOP',
      RUNNING_P2P: 'STOP RUNNING STOP STOP - RUNNING PRE_COPY_P2P',
      PRE_COPY: 'RUNNING RUNNING PRE_COPY_P2P RUNNING RUNNING - PRE_COPY_P2P',
      PRE_COPY_P2P: 'RUNNING_P2P RUNNING_P2P STOP_COPY RUNNING_P2P RUNNING_P2P PRE_COPY -',
    },
    paths: [
      'STOP RUNNING_P2P RUNNING',
      'STOP RUNNING_P2P RUNNING PRE_COPY',
      'STOP RUNNING_P2P PRE_COPY_P2P',
      'RUNNING RUNNING_P2P STOP',
      'RUNNING RUNNING_P2P STOP STOP_COPY',
      'RUNNING RUNNING_P2P STOP RESUMING',
      'RUNNING RUNNING_P2P PRE_COPY_P2P',
      'STOP_COPY STOP RUNNING_P2P RUNNING',
      'STOP_COPY STOP RESUMING',
      'STOP_COPY STOP RUNNING_P2P',
      'RESUMING STOP RUNNING_P2P RUNNING',
      'RESUMING STOP STOP_COPY',
      'RESUMING STOP RUNNING_P2P',
      'RESUMING STOP RUNNING_P2P RUNNING PRE_COPY',
      'RESUMING STOP RUNNING_P2P PRE_COPY_P2P',
      'RUNNING_P2P STOP STOP_COPY',
      'RUNNING_P2P STOP RESUMING',
      'RUNNING_P2P RUNNING PRE_COPY',
      'PRE_COPY RUNNING RUNNING_P2P STOP',
      'PRE_COPY PRE_COPY_P2P STOP_COPY',
      'PRE_COPY RUNNING RUNNING_P2P STOP RESUMING',
      'PRE_COPY RUNNING RUNNING_P2P',
      'PRE_COPY_P2P RUNNING_P2P STOP',
      'PRE_COPY_P2P RUNNING_P2P RUNNING',
      'PRE_COPY_P2P RUNNING_P2P STOP RESUMING',
    ],
    arcs: 'RUNNING<>RUNNING_P2P RUNNING_P2P<>STOP STOP<>STOP_COPY STOP<>RESUMING RUNNING<>PRE_COPY PRE_COPY<>PRE_COPY_P2P RUNNING_P2P<>PRE_COPY_P2P PRE_COPY_P2P>STOP_COPY',
  },
];

const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const original = migrationFsm.next;
afterEach(() => {
  migrationFsm.next = original;
});

/** What the tables say for a triple of numbers. */
function expected(flags: number, current: number, target: number): number {
  const table = TABLES.find((candidate) => candidate.flags === flags);
  const from = migStateName(current);
  const column = table?.targets.findIndex((name) => MIG_STATE[name] === target) ?? -1;
  const cell = from === undefined ? undefined : table?.rows[from]?.split(' ')[column];
  if (cell === undefined || cell === 'EINVAL') return -ERRNO.EINVAL;
  return cell === '-' ? current : MIG_STATE[cell as Name];
}

describe('the next step', () => {
  // covers: MG02
  it('is the kernel table for every flags, current and target', () => {
    for (let flags = 0; flags < 8; flags++) {
      for (const current of NUMBERS) {
        for (const target of NUMBERS) {
          const where = `flags ${flags} ${current} to ${target}`;
          expect(migrationFsm.next(flags, current, target), where).toBe(expected(flags, current, target));
        }
      }
    }
  });

  // covers: MG07
  it('is never ERROR, and ERROR is neither origin nor target', () => {
    for (const flags of [0, 1, 3, 5, 7, 0xff, 0x7fff_ffff])
      for (const other of NUMBERS) {
        expect(migrationFsm.next(flags, MIG_STATE.ERROR, other)).toBe(MIG_REFUSED);
        expect(migrationFsm.next(flags, other, MIG_STATE.ERROR)).toBe(MIG_REFUSED);
      }
    expect(MIG_REFUSED).toBe(-ERRNO.EINVAL);
  });

  it('is refused from STOP_COPY back to PRE_COPY, and the question ends', () => {
    expect(migrationFsm.next(5, MIG_STATE.STOP_COPY, MIG_STATE.PRE_COPY)).toBe(MIG_REFUSED);
    expect(migrationFsm.next(7, MIG_STATE.STOP_COPY, MIG_STATE.PRE_COPY)).toBe(MIG_REFUSED);
    expect(migrationFsm.next(7, MIG_STATE.STOP_COPY, MIG_STATE.PRE_COPY_P2P)).toBe(MIG_REFUSED);
  });
});

describe.each(TABLES)('flags $flags', ({ flags, targets, paths, arcs }) => {
  // covers: MG02 MG03
  it('walks the paths of the kernel, and every other pair in one step or not at all', () => {
    const long = new Map(paths.map((path) => [path, path.split(' ')]));
    for (const from of targets) {
      for (const to of targets) {
        const path = migrationPath(flags, MIG_STATE[from], MIG_STATE[to]);
        if (path === MIG_REFUSED) {
          expect([from, to]).toEqual(['STOP_COPY', expect.stringContaining('PRE_COPY')]);
          continue;
        }
        const names = path.map((state) => migStateName(state));
        if (names.length > 2) expect(long.delete(names.join(' ')), names.join(' ')).toBe(true);
        else expect(names).toEqual(from === to ? [from] : [from, to]);
      }
    }
    expect([...long.keys()]).toEqual([]);
  });

  it('asks a driver for just these arcs', () => {
    const named = arcs.split(' ').flatMap((arc) => {
      const [from, to] = arc.split(/<?>/);
      return arc.includes('<') ? [`${from}>${to}`, `${to}>${from}`] : [arc];
    });
    const asked = migrationArcs(flags).map(({ from, to }) => `${migStateName(from)}>${migStateName(to)}`);
    expect(asked.sort()).toEqual(named.sort());
  });
});

it('every arc that opens or ends a session is an arc of the full machine', () => {
  const arcs = migrationArcs(7).map(({ from, to }) => `${from}>${to}`);
  for (const { from, to } of [...DATA_FILE_ARCS, ...SESSION_END_ARCS]) expect(arcs).toContain(`${from}>${to}`);
});

it('a planted defect reaches the drivers, and a walk without progress is a hang, not an endless loop', () => {
  migrationFsm.next = (_flags, current) => current as Exclude<MigState, 0>;
  const walk = walkMigration(
    5,
    () => MIG_STATE.STOP_COPY,
    () => immediately(undefined),
    () => {},
    MIG_STATE.PRE_COPY,
  );
  expect(new Scheduler().run(walk)).toBe(HANG);
});
