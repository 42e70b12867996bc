/** Runs of a pair that are watched: on machines of their own, each with a chronicle and a list of what was seen. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Machine } from '../../machine/machine.ts';
import type { DeviceProfile } from '../profiles/profile.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import { type CaseResult, PATIENCE, rerun } from '../run-case.ts';
import type { Scenario } from '../scenario.ts';
import type { Subject } from '../subject.ts';
import { World } from '../world.ts';
import { type Run, VARIATIONS, type Worlds } from '../worlds.ts';
import { Chronicle } from './chronicle.ts';
import { Observations } from './observations.ts';
import { watchCalls } from './watch-calls.ts';
import { parentEar, watchDriver } from './watch-driver.ts';
import { partitionEar, watchEvents, watchHardware } from './watch-hardware.ts';

/** One run, and what was written down of it. */
export interface WatchedRun {
  readonly world: World;
  readonly chronicle: Chronicle;
  readonly observations: Observations;
}

/** The runs of a scenario by their kind; where the first breaks a promise there is no other. */
export interface WatchedRuns {
  readonly result: CaseResult;
  readonly base: WatchedRun;
  readonly by: ReadonlyMap<Run, WatchedRun>;
}

/** Runs a scenario as `rerun` does, watched, each run under the variation that is given for it. */
export function watchedRuns(subject: Subject, scenario: Scenario, variations = VARIATIONS): WatchedRuns {
  const by = new Map<Run, WatchedRun>();
  const worlds: Worlds = {
    subject,
    world(run, setting) {
      const chronicle = new Chronicle();
      const observations = new Observations();
      const eared = { ...subject, profile: () => withEars(subject.profile(setting), chronicle, observations) };
      const world = new World(eared, setting, variations[run], run === 'base' || run === 'integrity');
      watch(world, scenario, chronicle, observations);
      by.set(run, { world, chronicle, observations });
      return world;
    },
  };
  const result = rerun(subject, scenario, worlds, PATIENCE);
  return { result, base: by.get('base')!, by };
}

/** The profile with ears where only somebody who is there before the tenants can listen. */
function withEars(profile: DeviceProfile, chronicle: Chronicle, observations: Observations): DeviceProfile {
  return {
    ...profile,
    assign(machine: Machine, host) {
      const site = profile.assign(machine, host);
      for (const { name } of [site.a, site.b]) watchDriver(chronicle, machine.vfio.deviceNamed(name)!);
      watchHardware(chronicle, machine, site);
      const { inside } = site;
      const hear = partitionEar(chronicle);
      let theirs: ((partition: string, what: string) => void) | undefined;
      inside.onTouch((partition, what) => {
        hear(partition, what);
        theirs?.(partition, what);
      });
      const digest: typeof inside.digest = (tenant) => {
        observations.answered(tenant.name, { text: `the inside of tenant ${tenant.name}'s device` });
        return inside.digest(tenant);
      };
      return { ...site, inside: { ...inside, digest, onTouch: (listener) => (theirs = listener) } };
    },
    // Getting a device ready again is the lab's doing, and long.
    prepare: (tenant, world) => chronicle.silently(() => profile.prepare(tenant, world)),
  };
}

/** At the end tenant B looks at its own memory too. */
function nameMemory(world: World, observations: Observations): void {
  const { memory } = world.b.process;
  const { copyIn } = memory;
  memory.copyIn = (address, length, room) => {
    const page = Math.floor((address - world.b.buffer) / PAGE_SIZE);
    if (world.step < 0) observations.answered('B', { text: `page ${page} of tenant B's memory` });
    return copyIn.call(memory, address, length, room);
  };
}

function watch(world: World, scenario: Scenario, chronicle: Chronicle, observations: Observations): void {
  const { machine } = world;
  for (const { name, process, bdf } of world.tenants)
    watchCalls(chronicle, process, {
      lane: name,
      config: () => machine.configSpace(bdf),
      operation: () => scenario.steps[world.step]?.op,
      answered: (call) => observations.answered(name, call),
    });
  watchEvents(chronicle, world);
  const { observers } = machine;
  const before = observers.observer;
  const hear = parentEar(chronicle);
  observers.observer = (event) => {
    hear(event);
    before?.(event);
  };
  observations.attach(world);
  nameMemory(world, observations);
  watchVerdicts(world, chronicle);
  chronicle.start(world);
}

/** What the lab itself concludes: arcs taken, promises broken. */
function watchVerdicts(world: World, chronicle: Chronicle): void {
  const { arc, violate } = world;
  world.arc = (from, to) => {
    chronicle.arc(STATE_NAMES[from] ?? String(from), STATE_NAMES[to] ?? String(to));
    arc.call(world, from, to);
  };
  world.violate = (property, message) => {
    const lane = world.actor === 'H' ? 'host' : world.actor;
    chronicle.add('violation', { from: lane, to: lane, text: `${property}: ${message}` });
    violate.call(world, property, message);
  };
}
