/**
 * The lab: generated scenarios run in pairs, properties, shrinking, and counterexamples that are stored and explained.
 * @module
 */
export {
  type CampaignCounts,
  type CampaignOptions,
  type CampaignResult,
  type CaseCounts,
  type Reached,
  runCampaign,
} from './campaign.ts';
export { type CounterexampleFile, load, scenarioOf, store, storeAs } from './counterexample.ts';
export { describeStep } from './describe-step.ts';
export { ASCII, type Canvas, type Glyphs, type Paint, type Palette, plainCanvas, UNICODE } from './explain/canvas.ts';
export type { DifferingField, Divergence, Side } from './explain/divergence.ts';
export { draw } from './explain/draw.ts';
export { testSource } from './explain/emit-test.ts';
export { type ChronicleEvent, type EventKind, LANES, type Lane } from './explain/event.ts';
export { type Explanation, explain, type Rule } from './explain/explain.ts';
export type { Owner } from './explain/owners.ts';
export { type Choices, generating, replaying } from './generate.ts';
export type { Coverage, Met } from './guidance/coverage.ts';
export type { CoverageReport } from './guidance/report.ts';
export { type Offer, type Offering, offers, whyNot } from './offers.ts';
export type { Args, Operation, Weights } from './operations/operation.ts';
export { assigned, bindTo, firstVfs } from './profiles/assign-functions.ts';
export { type FunctionSubject, type Functions, functionSubject } from './profiles/functions.ts';
export type {
  Assigned,
  BenchSetting,
  DeviceProfile,
  DmaWork,
  Failures,
  Guarded,
  Inside,
  PciWork,
  Profiles,
  Site,
  WordRegisters,
} from './profiles/profile.ts';
export { savedSample } from './profiles/saved-sample.ts';
export { secretBytes } from './profiles/secret.ts';
export { declaredErrnos } from './profiles/stream-errnos.ts';
export type { ConfigSpaceConfinement } from './properties/config-space-confinement.ts';
export type { DirtyTrackingSoundness } from './properties/dirty-tracking-soundness.ts';
export type { DmaConfinement } from './properties/dma-confinement.ts';
export type { FdLifetime } from './properties/fd-lifetime.ts';
export type { FsmLegality } from './properties/fsm-legality.ts';
export { type Check, Checks, PROPERTIES, type Property } from './properties/index.ts';
export type { InterruptConfinement } from './properties/interrupt-confinement.ts';
export type { ParentInteractionScope } from './properties/parent-interaction-scope.ts';
export type { ResetAndLiveness } from './properties/reset-and-liveness.ts';
export type { ResidualData } from './properties/residual-data.ts';
export type { ResourceBound } from './properties/resource-bound.ts';
export type { SaveLoadRoundTrip } from './properties/save-load-round-trip.ts';
export type { Loaded, StreamRobustness, Transfer, Written } from './properties/stream-robustness.ts';
export { caseSeed, Random } from './random.ts';
export type { Difference, Recorder } from './recorder.ts';
export type { IrqFacts } from './reference/device-facts.ts';
export type { StreamReference } from './reference/stream-verdict.ts';
export { type CaseFrame, type CaseResult, looksAlike, rerun, runCase } from './run-case.ts';
export {
  runSafeguards,
  type SafeguardEntry,
  type SafeguardOptions,
  type SafeguardReport,
  type SafeguardVerdict,
} from './safeguards.ts';
export {
  type Actor,
  orderOf,
  type Scenario,
  type Step,
  TURNS,
  type Twin,
  turnsOf,
  type Violation,
} from './scenario.ts';
export { partOf, type Slice, WHOLE } from './segments.ts';
export { describeSetting, type Factor, PLAIN, type Setting, settingKey } from './setting.ts';
export { joined, type Share } from './share.ts';
export { type Progress, shrink } from './shrink.ts';
export { Snapshot } from './snapshot.ts';
export { SUBJECTS, type Subject, subjectNamed, subjectOf } from './subject.ts';
export { type DataFile, type ShadowMapping, Tenant } from './tenant.ts';
export type { ContainerWay } from './ways/container.ts';
export type { IoasWay } from './ways/ioas.ts';
export { WAY_FACTOR, type Way, type WayKind } from './ways/way.ts';
export { type Variation, World } from './world.ts';
export { keptWorlds, newWorlds, type Run, type Worlds } from './worlds.ts';
