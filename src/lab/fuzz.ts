/**
 * One function for engines that mutate bytes and watch coverage (libFuzzer and its kin): bytes in, an exception out.
 * The bytes are a scenario in the corpus format; each call runs it as a campaign runs a case.
 * @module
 */
import { HangError } from '../../sim/hang.ts';
import { chosenVariant } from './corpus/chosen.ts';
import { decode } from './corpus/decode.ts';
import { ConfinementViolation, EmulatorFault } from './corpus/finding.ts';
import { replaying } from './generate.ts';
import { type CaseResult, PATIENCE, rerun, runCase } from './run-case.ts';
import type { Scenario, Violation } from './scenario.ts';
import { SUBJECTS, type Subject, subjectNamed } from './subject.ts';
import { within } from './watchdog.ts';
import { keptWorlds, type Worlds } from './worlds.ts';

export { decode } from './corpus/decode.ts';
export { encode } from './corpus/encode.ts';
export { ConfinementViolation, EmulatorFault } from './corpus/finding.ts';
export { seedsOf } from './corpus/seeds.ts';
export { SUBJECTS, subjectNamed } from './subject.ts';

/** Milliseconds in which a case on kept machines must end: it takes a fraction of one. What takes longer is run again. */
const FIRST_PATIENCE = 500;

/** Returns if all promises hold; throws {@link ConfinementViolation}, or {@link EmulatorFault} if there is no verdict. */
export type FuzzTarget = (data: Uint8Array) => void;

/** A target for one subject. It keeps its machines from call to call, and no call depends on the one before. */
export function fuzzOf(subject: Subject): FuzzTarget {
  let worlds = keptWorlds(subject);
  return (data) => {
    const scenario = decode(data, subject);
    try {
      const suspicion = runKept(worlds, scenario);
      if (suspicion === undefined) return;
      // Machines that were interrupted are in no state to be used again.
      worlds = keptWorlds(subject);
      confirm(subject, scenario, suspicion);
    } catch (error) {
      if (error instanceof ConfinementViolation) throw error;
      worlds = keptWorlds(subject);
      throw new EmulatorFault(subject, scenario, error);
    }
  };
}

/** What seems broken on kept machines; undefined: nothing. */
function runKept(worlds: Worlds, scenario: Scenario): Violation | HangError | undefined {
  let result: CaseResult | undefined;
  try {
    within(FIRST_PATIENCE, () => {
      result = runCase(worlds, scenario, replaying(scenario));
    });
  } catch (error) {
    if (error instanceof HangError) return error;
    throw error;
  }
  return result!.violations[0];
}

/** A violation counts when new machines show it, too. */
function confirm(subject: Subject, scenario: Scenario, suspicion: Violation | HangError): void {
  const { violations, scenario: shown } = rerun(subject, scenario, undefined, PATIENCE);
  if (violations.length > 0) throw new ConfinementViolation(subject, shown, violations[0]!);
  // What seemed never to end may have been a busy computer.
  if (!(suspicion instanceof HangError))
    throw new Error(`only a machine that was used before shows: ${suspicion.message}`);
}

let target: FuzzTarget | undefined;

/**
 * The target for the variant that the environment variable `VFIOLAB_VARIANT` names when it is first called; mlx5 if it
 * names none.
 */
export function fuzz(data: Buffer): void {
  target ??= fuzzOf(chosen());
  target(data);
}

function chosen(): Subject {
  const name = chosenVariant();
  const subject = subjectNamed(name);
  if (subject !== undefined) return subject;
  const names = SUBJECTS.map(({ variant }) => variant.name).join(', ');
  throw new Error(`There is no variant called ${name}, which VFIOLAB_VARIANT names; there is ${names}.`);
}
