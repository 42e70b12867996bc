/** A coverage map as a report: from which state to which, arcs that no case took, errnos that no call answered. */
import { type ErrnoName, errnoName } from '../../uapi/errno.ts';
import { legalArcs, STATE_NAMES } from '../reference/arcs.ts';
import { type Coverage, PLACES } from './coverage.ts';

/** What a door like this one answers, whatever is behind it. */
const DOOR_ERRNOS: readonly ErrnoName[] = [
  'EBADF',
  'EBUSY',
  'EEXIST',
  'EFAULT',
  'EINVAL',
  'EIO',
  'EMFILE',
  'ENODEV',
  'ENOENT',
  'ENOMEM',
  'ENOMSG',
  'ENOSPC',
  'ENOTTY',
  'EOPNOTSUPP',
  'EPERM',
];

/** See the head of this file. */
export interface CoverageReport {
  /** Different combinations of operation, states and outcome. */
  readonly met: number;
  /** Steps from each place (row) to each place (column). */
  readonly heat: readonly (readonly number[])[];
  readonly places: readonly string[];
  readonly arcsNeverTaken: readonly string[];
  readonly errnosNeverSeen: readonly string[];
}

export const PLACE_NAMES: readonly string[] = ['closed', ...STATE_NAMES.slice(1, 8), 'not known'];

/** `arcs` as from * 8 + to; `declared` are errnos that the subject declares beside those of every door. */
export function reportOf(
  coverage: Coverage,
  arcs: ReadonlySet<number>,
  flags: number,
  declared: Iterable<number>,
): CoverageReport {
  const heat = Array.from({ length: PLACES }, () => new Array<number>(PLACES).fill(0));
  const seen = new Set<string>();
  for (const { before, after, outcome, count } of coverage.met()) {
    heat[before]![after]! += count;
    if (outcome < 0) seen.add(errnoName(outcome));
  }
  const wanted = new Set<string>([...DOOR_ERRNOS, ...[...declared].map((errno) => errnoName(-errno))]);
  return {
    met: coverage.size,
    heat,
    places: PLACE_NAMES,
    arcsNeverTaken: legalArcs(flags)
      .filter((arc) => !arcs.has(arc))
      .map((arc) => `${STATE_NAMES[arc >> 3]} -> ${STATE_NAMES[arc & 7]}`),
    errnosNeverSeen: [...wanted].filter((name) => !seen.has(name)).sort(),
  };
}
