/**
 * The order in which locks are taken, by class, as lockdep keeps it (Documentation/locking/lockdep-design.rst): once A was
 * taken inside B and B inside A, two threads can block each other for ever, whether or not they have met yet. Unlike
 * lockdep, two orders that are only ever seen under one more lock are no danger: that lock keeps the threads apart.
 */

/** `inner` was taken while `outer` was held, and `gates` besides, every time. */
interface Nesting {
  readonly outer: string;
  readonly inner: string;
  gates: readonly string[];
}

/** A loop, and no function made for each: this runs whenever a lock is taken inside another. */
function allIn(gates: readonly string[], held: readonly string[]): boolean {
  for (let i = 0; i < gates.length; i++) if (!held.includes(gates[i]!)) return false;
  return true;
}

/** The nestings seen on one machine. */
export class LockOrder {
  /** Hears of a cycle, once for each: the classes in order, the first again at the end. */
  onCycle: ((classes: readonly string[]) => void) | undefined = undefined;
  /** A list: there are a few dozen at most, and a search costs less than a look into tables. */
  private readonly seen: Nesting[] = [];

  /** `inner` is taken, or may be, while `outer` and `held` are held. Locks of one class have an order of their own. */
  add(outer: string, inner: string, held: readonly string[] = []): void {
    if (outer === inner) return;
    let nesting = this.find(outer, inner);
    if (nesting === undefined) this.seen.push((nesting = { outer, inner, gates: held.filter((l) => l !== outer) }));
    else if (allIn(nesting.gates, held)) return;
    else nesting.gates = nesting.gates.filter((gate) => held.includes(gate));
    const cycle = this.close([nesting]);
    if (cycle !== undefined) this.onCycle?.([...cycle.map((each) => each.outer), outer]);
  }

  private find(outer: string, inner: string): Nesting | undefined {
    const { seen } = this;
    for (let i = 0; i < seen.length; i++) {
      const nesting = seen[i]!;
      if (nesting.outer === outer && nesting.inner === inner) return nesting;
    }
    return undefined;
  }

  /** Continues a chain of nestings to its first lock again, such that no lock guards two of them. */
  private close(chain: readonly Nesting[]): readonly Nesting[] | undefined {
    const last = chain.at(-1)!;
    if (last.inner === chain[0]!.outer) return chain;
    for (const next of this.seen) {
      if (next.outer !== last.inner) continue;
      const again = chain.some((each) => each.inner === next.inner);
      const guarded = chain.some((each) => each.gates.some((gate) => next.gates.includes(gate)));
      const cycle = again || guarded ? undefined : this.close([...chain, next]);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  }
}
