/** Where runs get their machines: built anew for each, or built once and brought back. */
import type { DeclaredVariant } from '../variant/variant.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import type { Twin } from './scenario.ts';
import { Snapshot } from './snapshot.ts';
import { nothingSeen, type Seen, type Variation, World } from './world.ts';

/** What a lab runs against. */
export interface Subject {
  readonly variant: DeclaredVariant;
  readonly profile: DeviceProfile;
}

/** The two runs of a pair. */
export type Run = 'base' | Twin;

const BASE: Variation = { secret: 0x5ec2e701, fill: 0x5a };
/** The twin of a confidentiality pair: another secret, and other rubbish in the kernel's memory. */
const OTHER: Variation = { secret: 0xc0ffee42, fill: 0xa5 };

/** Supplies machines. Only what was seen of a run stays when the next is asked for. */
export interface Worlds {
  readonly subject: Subject;
  world(run: Run): World;
}

/** A machine of its own for every run. */
export function newWorlds(subject: Subject): Worlds {
  return { subject, world: (run) => build(subject, run) };
}

/** Machines that are brought back to where they were after booting: one for each variation. */
export function keptWorlds(subject: Subject): Worlds {
  const kept = new Map<Variation, KeptWorld>();
  return {
    subject,
    world(run) {
      const variation = variationOf(run);
      let known = kept.get(variation);
      if (known === undefined) kept.set(variation, (known = new KeptWorld(subject, run)));
      return known.again(run);
    },
  };
}

const variationOf = (run: Run): Variation => (run === 'confidentiality' ? OTHER : BASE);

/** Of the twin with another secret only what its observers see counts, so nobody else watches. */
const build = ({ variant, profile }: Subject, run: Run): World =>
  new World(variant, profile, variationOf(run), run !== 'confidentiality');

class KeptWorld {
  private readonly world: World;
  private readonly snapshot: Snapshot;
  private readonly seen = new Map<Run, Seen>();

  constructor(subject: Subject, run: Run) {
    this.world = build(subject, run);
    this.world.machine.hardware.memory.keep();
    const sibling = build(subject, run);
    // What is seen outlives the run.
    this.world.seen = sibling.seen;
    this.snapshot = new Snapshot(this.world, sibling);
  }

  again(run: Run): World {
    this.world.machine.dispose();
    this.snapshot.restore();
    let seen = this.seen.get(run);
    if (seen === undefined) this.seen.set(run, (seen = nothingSeen()));
    for (const recorder of [seen.A, seen.B, seen.H]) recorder.clear();
    this.world.seen = seen;
    return this.world;
  }
}
