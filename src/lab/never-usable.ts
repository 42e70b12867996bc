/** Devices that are of no use from the beginning: they cannot be bound, or not be opened, or the kernel crashes over it. */
import { kernelCrash } from './kernel-crash.ts';
import { RESET_AND_LIVENESS } from './properties/reset-and-liveness.ts';
import type { CaseFrame, CaseResult } from './run-case.ts';
import type { Scenario } from './scenario.ts';
import type { Setting } from './setting.ts';
import type { Subject } from './subject.ts';
import type { World } from './world.ts';
import type { Run, Worlds } from './worlds.ts';

/** See the head of this file. */
export class NeverUsable extends Error {}

/** A machine whose devices are open. A kernel that crashes before is no fault of the emulator either. */
export function opened(worlds: Worlds, run: Run, setting: Setting): World {
  try {
    return worlds.world(run, setting);
  } catch (error) {
    const crash = kernelCrash(error);
    throw crash === undefined ? error : new NeverUsable(`the kernel crashes: ${crash}`);
  }
}

/** There is nothing to call: that is the whole case. */
export function unusable(
  { variant }: Subject,
  { seed, twin, setting }: CaseFrame,
  { message }: NeverUsable,
): CaseResult {
  const scenario: Scenario = { variant: variant.name, seed, twin, setting, steps: [], schedule: [] };
  const violations = [{ property: RESET_AND_LIVENESS.name, message, at: -1 }];
  return { scenario, violations, steps: 0, calls: 0, errors: 0, discarded: 0, arcs: [] };
}
