/** Where runs get their machines: built anew for each, or built once and brought back. */
import type { Twin } from './scenario.ts';
import { type Setting, settingKey } from './setting.ts';
import { Snapshot } from './snapshot.ts';
import type { Subject } from './subject.ts';
import { nothingSeen, type Seen, type Variation, World } from './world.ts';

/** The two runs of a pair. */
export type Run = 'base' | Twin;

const BASE: Variation = { secret: 0x5ec2e701, fill: 0x5a };
/** What the twin of each kind differs in, apart from the steps. */
export const VARIATIONS: Readonly<Record<Run, Variation>> = {
  base: BASE,
  integrity: BASE,
  confidentiality: { secret: 0xc0ffee42, fill: 0xa5 },
  residue: { secret: BASE.secret, fill: 0xa5 },
};

/** Supplies machines. Only what was seen of a run stays when the next is asked for. */
export interface Worlds {
  readonly subject: Subject;
  world(run: Run, setting: Setting): World;
  /** A case is over: what its runs left in their machines is let go. */
  rest?(): void;
}

/** A machine of its own for every run. */
export function newWorlds(subject: Subject): Worlds {
  return {
    subject,
    world(run, setting) {
      subject.profile(setting).enter?.();
      return build(subject, run, setting);
    },
  };
}

/** Machines that are brought back to where they were after booting: one for each setting and variation. */
export function keptWorlds(subject: Subject): Worlds {
  const kept = new Map<string, Kin>();
  const used = new Set<KeptWorld>();
  return {
    subject,
    world(run, setting) {
      subject.profile(setting).enter?.();
      const key = settingKey(setting);
      let kin = kept.get(key);
      if (kin === undefined) {
        // The one that was made first goes: settings are drawn a few at a time.
        if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!);
        kept.set(key, (kin = new Kin(subject, setting)));
      }
      const world = kin.kept(run);
      used.add(world);
      return world.again(run);
    },
    rest() {
      for (const world of used) world.rest();
      used.clear();
    },
  };
}

/** Settings of which machines are kept. */
const MOST_KEPT = 24;

/** Of a twin that differs in what is hidden, only what its observers see counts, so nobody else watches. */
const build = (subject: Subject, run: Run, setting: Setting): World =>
  new World(subject, setting, VARIATIONS[run], VARIATIONS[run] === BASE);

/** The machines of one setting. They are of the same make, so what two of them share is nobody's own. */
class Kin {
  private readonly subject: Subject;
  private readonly setting: Setting;
  private readonly worlds = new Map<Variation, KeptWorld>();
  /** The first two are made together: each tells of the other what is shared. */
  private readonly first: World;

  constructor(subject: Subject, setting: Setting) {
    this.subject = subject;
    this.setting = setting;
    this.first = build(subject, 'base', setting);
    const second = build(subject, 'confidentiality', setting);
    this.worlds.set(VARIATIONS.base, new KeptWorld(this.first, second));
    this.worlds.set(VARIATIONS.confidentiality, new KeptWorld(second, this.first));
  }

  kept(run: Run): KeptWorld {
    const variation = VARIATIONS[run];
    let known = this.worlds.get(variation);
    if (known === undefined) {
      known = new KeptWorld(build(this.subject, run, this.setting), this.first);
      this.worlds.set(variation, known);
    }
    return known;
  }
}

class KeptWorld {
  private readonly world: World;
  private readonly snapshot: Snapshot;
  private readonly seen = new Map<Run, Seen>();
  private atRest = true;

  constructor(world: World, sibling: World) {
    this.world = world;
    // What is seen outlives the run, and the memory puts its pages back by itself.
    const apart = [world.seen, ...world.machine.hardware.memory.keep()];
    this.snapshot = new Snapshot(world, [sibling, ...apart]);
  }

  /** As after booting. Early, because garbage that a machine still knows is copied by the collector, and again. */
  rest(): void {
    if (this.atRest) return;
    this.atRest = true;
    this.world.machine.hardware.memory.rewind();
    this.snapshot.restore();
  }

  again(run: Run): World {
    this.rest();
    this.atRest = false;
    let seen = this.seen.get(run);
    if (seen === undefined) this.seen.set(run, (seen = nothingSeen()));
    for (const recorder of [seen.A, seen.B, seen.H]) recorder.clear();
    this.world.seen = seen;
    return this.world;
  }
}
