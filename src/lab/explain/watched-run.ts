/** Runs of a pair that are watched: on machines of their own, each with a chronicle and a list of what was seen. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import type { Machine } from '../../machine/machine.ts';
import type { DeviceProfile } from '../profiles/profile.ts';
import { STATE_NAMES } from '../reference/arcs.ts';
import { type CaseResult, rerun } from '../run-case.ts';
import type { Scenario } from '../scenario.ts';
import { type Variation, World } from '../world.ts';
import type { Run, Subject } from '../worlds.ts';
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

/** Both runs; the second is not made where the first already breaks a promise. */
export interface WatchedPair {
  readonly result: CaseResult;
  readonly base: WatchedRun;
  readonly twin: WatchedRun | undefined;
}

/** Runs a scenario as `rerun` does, watched, under the given variations. */
export function watchedPair(subject: Subject, scenario: Scenario, base: Variation, twin: Variation): WatchedPair {
  const runs: WatchedRun[] = [];
  const result = rerun(subject, scenario, {
    subject,
    world(run) {
      const watched = watchedRun(subject, scenario, run, run === 'base' ? base : twin);
      runs.push(watched);
      return watched.world;
    },
  });
  return { result, base: runs[0]!, twin: runs[1] };
}

function watchedRun({ variant, profile }: Subject, scenario: Scenario, run: Run, variation: Variation): WatchedRun {
  const chronicle = new Chronicle();
  const observations = new Observations();
  const world = new World(variant, withEars(profile, chronicle, observations), variation, run !== 'confidentiality');
  watch(world, scenario, chronicle, observations);
  return { world, chronicle, observations };
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
    lastLook: (world) => chronicle.silently(() => profile.lastLook(namingMemory(world, observations))),
  };
}

/** At the end tenant B looks at its own memory too. */
function namingMemory(world: World, observations: Observations): World {
  const { memory } = world.b.process;
  const { copyIn } = memory;
  memory.copyIn = (address, length) => {
    const page = Math.floor((address - world.b.buffer) / PAGE_SIZE);
    observations.answered('B', { text: `page ${page} of tenant B's memory` });
    return copyIn.call(memory, address, length);
  };
  return world;
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
  world.violate = (property, message, at = world.step) => {
    const lane = world.actor === 'H' ? 'host' : world.actor;
    chronicle.add('violation', { from: lane, to: lane, text: `${property}: ${message}` });
    violate.call(world, property, message, at);
  };
}
