/** The thirteen properties, in the order in which reports list them. */
import { CONFIG_SPACE_CONFINEMENT } from './config-space-confinement.ts';
import { DIRTY_TRACKING_SOUNDNESS } from './dirty-tracking-soundness.ts';
import { DMA_CONFINEMENT } from './dma-confinement.ts';
import { FD_LIFETIME } from './fd-lifetime.ts';
import { FSM_LEGALITY } from './fsm-legality.ts';
import { INTERRUPT_CONFINEMENT } from './interrupt-confinement.ts';
import { NONINTERFERENCE } from './noninterference.ts';
import { PARENT_INTERACTION_SCOPE } from './parent-interaction-scope.ts';
import type { Property } from './property.ts';
import { RESET_AND_LIVENESS } from './reset-and-liveness.ts';
import { RESIDUAL_DATA } from './residual-data.ts';
import { RESOURCE_BOUND } from './resource-bound.ts';
import { SAVE_LOAD_ROUND_TRIP } from './save-load-round-trip.ts';
import { STREAM_ROBUSTNESS } from './stream-robustness.ts';

export const PROPERTIES: readonly Property[] = [
  NONINTERFERENCE,
  DMA_CONFINEMENT,
  INTERRUPT_CONFINEMENT,
  CONFIG_SPACE_CONFINEMENT,
  PARENT_INTERACTION_SCOPE,
  FSM_LEGALITY,
  STREAM_ROBUSTNESS,
  SAVE_LOAD_ROUND_TRIP,
  DIRTY_TRACKING_SOUNDNESS,
  RESIDUAL_DATA,
  RESOURCE_BOUND,
  FD_LIFETIME,
  RESET_AND_LIVENESS,
];

export { Checks } from './checks.ts';
export type { Check, Property } from './property.ts';
