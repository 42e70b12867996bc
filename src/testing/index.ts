/**
 * The suite over a variant that lives in another package: for its author's own tests, with vitest or without.
 * @module
 */
export type { CampaignCounts, CaseCounts } from '../lab/campaign.ts';
export { CounterexampleError } from '../lab/counterexample.ts';
export { describeStep } from '../lab/describe-step.ts';
export { assigned, bindTo, firstVfs } from '../lab/profiles/assign-functions.ts';
export { type FunctionSubject, type Functions, functionSubject } from '../lab/profiles/functions.ts';
export type { DeviceProfile, Inside, Profiles, Site } from '../lab/profiles/profile.ts';
export { savedSample } from '../lab/profiles/saved-sample.ts';
export { secretBytes } from '../lab/profiles/secret.ts';
export { declaredErrnos } from '../lab/profiles/stream-errnos.ts';
export { PROPERTIES, type Property } from '../lab/properties/index.ts';
export { type CaseResult, rerun } from '../lab/run-case.ts';
export {
  runSafeguards,
  type SafeguardEntry,
  type SafeguardOptions,
  type SafeguardReport,
  type SafeguardVerdict,
} from '../lab/safeguards.ts';
export type { Actor, Scenario, Step, Twin, Violation } from '../lab/scenario.ts';
export { type Factor, PLAIN, type Setting } from '../lab/setting.ts';
export { type Subject, subjectOf } from '../lab/subject.ts';
export { Tenant } from '../lab/tenant.ts';
export { WAY_FACTOR } from '../lab/ways/way.ts';
export { World } from '../lab/world.ts';
export { arbitraries } from './arbitraries.ts';
export { type CheckOptions, type CheckReport, checkVariant, type PropertyReport, replay } from './check-variant.ts';
export { describeVariant, type Runner } from './suite.ts';
export { bootWorld, type LoadAnswer, loadStream } from './tenant-stream.ts';
export { EmulatorFaultError, ViolationError } from './violation.ts';
