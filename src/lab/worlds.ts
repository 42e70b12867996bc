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
}

/** A machine of its own for every run. */
export function newWorlds(subject: Subject): Worlds {
  return { subject, world: (run, setting) => build(subject, run, setting) };
}

/** Machines that are brought back to where they were after booting: one for each variation and setting. */
export function keptWorlds(subject: Subject): Worlds {
  const kept = new Map<Variation, Map<string, KeptWorld>>();
  return {
    subject,
    world(run, setting) {
      const variation = VARIATIONS[run];
      let ofVariation = kept.get(variation);
      if (ofVariation === undefined) kept.set(variation, (ofVariation = new Map()));
      const key = settingKey(setting);
      let known = ofVariation.get(key);
      if (known === undefined) {
        // The one that was made first goes: settings are drawn a few at a time.
        if (ofVariation.size >= MOST_KEPT) ofVariation.delete(ofVariation.keys().next().value!);
        ofVariation.set(key, (known = new KeptWorld(subject, run, setting)));
      }
      return known.again(run);
    },
  };
}

/** Machines that are kept of each variation. */
const MOST_KEPT = 24;

/** Of a twin that differs in what is hidden, only what its observers see counts, so nobody else watches. */
const build = (subject: Subject, run: Run, setting: Setting): World =>
  new World(subject, setting, VARIATIONS[run], VARIATIONS[run] === BASE);

class KeptWorld {
  private readonly world: World;
  private readonly snapshot: Snapshot;
  private readonly seen = new Map<Run, Seen>();

  constructor(subject: Subject, run: Run, setting: Setting) {
    this.world = build(subject, run, setting);
    this.world.machine.hardware.memory.keep();
    const sibling = build(subject, run, setting);
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
