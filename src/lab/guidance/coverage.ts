/**
 * What a campaign has met: operation × state before × state after × outcome, and whether other calls were under way. One
 * count for each, so that noting costs an addition, and what was met for the first time is known at once.
 */
import { OPERATIONS } from '../operations/index.ts';
import type { Tenant } from '../tenant.ts';

/** Where a tenant can be: 0 its device is closed, 1 to 7 the migration states, 8 not known. */
export const PLACES = 9;
export const UNKNOWN_PLACE = 8;
/** Outcomes: 0, more than 0, or an errno (up to EHWPOISON, 133). */
const OUTCOMES = 136;
const MORE = 1;
const FIRST_ERRNO = 2;
/** Alone, beside another call, or left under way. */
const COMPANIES = 3;

const NUMBER: ReadonlyMap<string, number> = new Map(OPERATIONS.map(({ name }, index) => [name, index]));

export const placeOf = ({ device, state }: Tenant): number => (device === undefined ? 0 : (state ?? UNKNOWN_PLACE));

/** One thing that was met, and how often. */
export interface Met {
  readonly operation: string;
  readonly before: number;
  readonly after: number;
  /** What the call answered: 0, 1 for more than 0, or a negated errno. */
  readonly outcome: number;
  readonly count: number;
}

export class Coverage {
  private readonly counts = new Uint32Array(OPERATIONS.length * COMPANIES * PLACES * PLACES * OUTCOMES);
  /** What the case under way has met. */
  private readonly keys: number[] = [];
  /** In which segment each was met last. */
  private readonly lately = new Uint32Array(this.counts.length);
  private segment = 1;
  /** How many different things were met. */
  size = 0;

  /** A segment of the campaign begins: what comes is new again, whatever was met before. */
  begin(): void {
    this.segment++;
  }

  /** The case under way is over. Whether it met anything that is new in its segment. */
  commit(): boolean {
    const { counts, keys, lately, segment } = this;
    let fresh = false;
    for (const key of keys) {
      if (lately[key] !== segment) {
        fresh = true;
        lately[key] = segment;
        if (counts[key] === 0) this.size++;
      }
      counts[key]!++;
    }
    keys.length = 0;
    return fresh;
  }

  /** The case under way is not to count. */
  forget(): void {
    this.keys.length = 0;
  }

  /** A step has ended in `after`. */
  note(operation: string, beside: boolean, spawned: boolean, before: number, after: number, result: number): void {
    const outcome = result > 0 ? MORE : result === 0 ? 0 : Math.min(FIRST_ERRNO - 1 - result, OUTCOMES - 1);
    const company = spawned ? 2 : beside ? 1 : 0;
    const place = (NUMBER.get(operation)! * COMPANIES + company) * PLACES + before;
    this.keys.push((place * PLACES + after) * OUTCOMES + outcome);
  }

  /** A number for each of the different things that were met. */
  distinct(): number[] {
    const found: number[] = [];
    for (let key = 0; key < this.counts.length; key++) if (this.counts[key] !== 0) found.push(key);
    return found;
  }

  /** Everything that was met, whoever ran beside. */
  *met(): Generator<Met> {
    for (let key = 0; key < this.counts.length; key++) {
      const count = this.counts[key]!;
      if (count === 0) continue;
      const outcome = key % OUTCOMES;
      const after = Math.floor(key / OUTCOMES) % PLACES;
      const before = Math.floor(key / (OUTCOMES * PLACES)) % PLACES;
      const operation = OPERATIONS[Math.floor(key / (OUTCOMES * PLACES * PLACES * COMPANIES))]!.name;
      yield { operation, before, after, outcome: outcome < FIRST_ERRNO ? outcome : FIRST_ERRNO - 1 - outcome, count };
    }
  }
}
