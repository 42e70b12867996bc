/** Where runs get their machines: built anew for each, or built once and brought back. */
import type { VariantModule } from '../variant/variant.ts';
import type { DeviceProfile } from './profiles/profile.ts';
import type { Twin } from './scenario.ts';
import { Snapshot } from './snapshot.ts';
import { type Variation, World } from './world.ts';

/** What a lab runs against. */
export interface Subject {
  readonly variant: VariantModule;
  readonly profile: DeviceProfile;
}

/** The two runs of a pair. */
export type Run = 'base' | Twin;

const BASE: Variation = { secret: 0x5ec2e701, fill: 0x5a };
/** The twin of a confidentiality pair: another secret, and other rubbish in the kernel's memory. */
const OTHER: Variation = { secret: 0xc0ffee42, fill: 0xa5 };

/** The base run is watched; of a twin only what its observers see counts. */
const build = ({ variant, profile }: Subject, run: Run): World =>
  new World(variant, profile, run === 'confidentiality' ? OTHER : BASE, run === 'base');

/** Supplies machines. The world of one run stays readable until the same run is asked for again. */
export interface Worlds {
  readonly subject: Subject;
  world(run: Run): World;
}

/** A machine of its own for every run. */
export function newWorlds(subject: Subject): Worlds {
  return { subject, world: (run) => build(subject, run) };
}

/** Three machines, one for each run, which are brought back to where they were after booting. */
export function keptWorlds(subject: Subject): Worlds {
  const kept = new Map<Run, KeptWorld>();
  return {
    subject,
    world(run) {
      let known = kept.get(run);
      if (known === undefined) kept.set(run, (known = new KeptWorld(subject, run)));
      return known.again();
    },
  };
}

class KeptWorld {
  private readonly world: World;
  private readonly snapshot: Snapshot;

  constructor(subject: Subject, run: Run) {
    this.world = build(subject, run);
    this.world.machine.hardware.memory.keep();
    this.snapshot = new Snapshot(this.world, build(subject, run));
  }

  again(): World {
    this.world.machine.dispose();
    this.snapshot.restore();
    return this.world;
  }
}
