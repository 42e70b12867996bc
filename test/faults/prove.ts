/**
 * What a call owes when something fails below it: every point it passes is made to fail in turn, the call answers the
 * errno, the machine holds exactly what it held before, and in the end the same call succeeds.
 */
import { expect } from 'vitest';
import type { CommandFault, FaultKind } from '../../src/kernel/index.ts';
import { ledgerDifference, ledgerOf, type Machine } from '../../src/machine/index.ts';
import { ERRNO } from '../../src/uapi/errno.ts';

/** A machine, and a call that can be made on it again and again as long as it fails. */
export interface Scene {
  readonly machine: Machine;
  call(): number;
}

/** A point behind which the real kernel does not undo what it has done, with the reason and where it stands. */
export interface Exception {
  readonly kind: FaultKind;
  /** The n-th point of its kind, from 1; negative: from the end. Several in a row: the first and the last. */
  readonly at: number | readonly [first: number, last: number];
  readonly why: string;
  /** What the call answers: an errno, or 0 for a call that goes on without what failed. Default: that of the kind. */
  readonly answer?: number;
  /** Names of the ledger that differ; default: some. Empty: only what the ledger does not show has changed. */
  readonly leaves?: readonly RegExp[];
}

export interface FaultCase {
  readonly name: string;
  scene(): Scene;
  readonly exceptions?: readonly Exception[];
  /** How commands fail; without it none is made to. */
  readonly command?: CommandFault & { readonly errno: number };
}

const ERRNOS: Readonly<Record<FaultKind, number>> = {
  allocation: ERRNO.ENOMEM,
  copy: ERRNO.EFAULT,
  file: ERRNO.EMFILE,
  command: ERRNO.EIO,
};

/** How many points of each kind a call passes that succeeds. */
export type Passed = Readonly<Record<FaultKind, number>>;

const KINDS: readonly FaultKind[] = ['allocation', 'copy', 'file', 'command'];

/** Proves one call; the points it passes. */
export function prove(given: FaultCase): Passed {
  const passed = count(given);
  for (const kind of KINDS) {
    if (kind === 'command' && given.command === undefined) continue;
    let scene = given.scene();
    for (let n = 1; n <= passed[kind]; n++) {
      const exception = (given.exceptions ?? []).find((known) => known.kind === kind && covers(known, n, passed[kind]));
      const where = `${kind} ${n} of ${passed[kind]}${exception === undefined ? '' : ` (${exception.why})`}`;
      const errno = kind === 'command' ? (given.command?.errno ?? ERRNOS.command) : ERRNOS[kind];
      let outcome = fail(scene, kind, n, given.command);
      // A failed call may leave a buffer that the next one uses: then it takes a new machine to come so far.
      if (outcome === undefined) outcome = fail((scene = given.scene()), kind, n, given.command);
      expect(outcome, `${where} is not passed`).toBeDefined();
      const { result, changes } = outcome!;
      if (exception === undefined) {
        expect({ result, changes }, where).toEqual({ result: -errno, changes: [] });
        continue;
      }
      const answer = exception.answer ?? errno;
      if (answer === 0) expect(result, where).toBeGreaterThanOrEqual(0);
      else expect(result, where).toBe(-answer);
      expectLeft(changes, exception, where);
      scene = given.scene();
    }
    expect(scene.call(), `the call after every ${kind} has failed`).toBeGreaterThanOrEqual(0);
  }
  return passed;
}

/** Makes the n-th point fail; undefined: the call did not pass as many. */
function fail(scene: Scene, kind: FaultKind, n: number, command: CommandFault | undefined) {
  const { kernel } = scene.machine;
  const before = ledgerOf(scene.machine);
  kernel.faults.arm(kind, n, command);
  const result = scene.call();
  if (kernel.faults.armed(kind)) return undefined;
  kernel.scheduler.settle();
  return { result, changes: ledgerDifference(before, ledgerOf(scene.machine)) };
}

function expectLeft(changes: readonly string[], { leaves }: Exception, where: string): void {
  if (leaves === undefined) expect(changes.length, where).toBeGreaterThan(0);
  else if (leaves.length === 0) expect(changes, where).toEqual([]);
  else
    for (const change of changes)
      expect(
        leaves.some((name) => name.test(change)),
        `${where} leaves ${change}`,
      ).toBe(true);
}

function covers({ at }: Exception, n: number, of: number): boolean {
  const place = (from: number): number => (from < 0 ? of + 1 + from : from);
  return typeof at === 'number' ? place(at) === n : place(at[0]) <= n && n <= place(at[1]);
}

function count(given: FaultCase): Passed {
  const scene = given.scene();
  const { faults } = scene.machine.kernel;
  const before = KINDS.map((kind) => faults.passed(kind));
  const result = scene.call();
  const passed = Object.fromEntries(KINDS.map((kind, i) => [kind, faults.passed(kind) - before[i]!])) as Passed;
  expect(result, `${given.name} succeeds`).toBeGreaterThanOrEqual(0);
  return passed;
}
