/**
 * The lab: generated scenarios run in pairs, properties, shrinking, and stored counterexamples.
 * @module
 */
export {
  type CampaignCounts,
  type CampaignOptions,
  type CampaignResult,
  type CaseCounts,
  runCampaign,
} from './campaign.ts';
export { type CounterexampleFile, load, store } from './counterexample.ts';
export { describeStep } from './describe-step.ts';
export { type Choices, generating, replaying } from './generate.ts';
export { type Offer, type Offering, offers, whyNot } from './offers.ts';
export type { Args, Operation, Weights } from './operations/operation.ts';
export type {
  Assigned,
  DeviceProfile,
  DmaWork,
  Failures,
  Guarded,
  Inside,
  Profiles,
  Site,
  WordRegisters,
} from './profiles/profile.ts';
export { type Check, Checks, PROPERTIES, type Property } from './properties/index.ts';
export { caseSeed, Random } from './random.ts';
export type { Difference, Recorder } from './recorder.ts';
export { type CaseFrame, type CaseResult, looksAlike, rerun, runCase } from './run-case.ts';
export type { Actor, Scenario, Step, Twin, Violation } from './scenario.ts';
export { describeSetting, type Factor, PLAIN, type Setting, settingKey } from './setting.ts';
export { type Progress, shrink } from './shrink.ts';
export { Snapshot } from './snapshot.ts';
export { SUBJECTS, type Subject, subjectNamed, subjectOf } from './subject.ts';
export { type DataFile, type ShadowMapping, Tenant } from './tenant.ts';
export type { Way, WayKind } from './ways/way.ts';
export { type Variation, World } from './world.ts';
export { keptWorlds, newWorlds, type Run, type Worlds } from './worlds.ts';
