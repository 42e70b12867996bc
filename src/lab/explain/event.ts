/** What a chronicle is made of: one thing that happened, between two lanes or within one. */

/** Who takes part. `device` is the hardware, `parent` the driver of the PF. */
export type Lane = 'A' | 'VFIO' | 'variant' | 'parent' | 'device' | 'B' | 'host';

/** In the order in which they are drawn: what a user calls passes from left to right. */
export const LANES: readonly Lane[] = ['A', 'VFIO', 'variant', 'parent', 'device', 'B', 'host'];

/**
 * `call` and `answer` belong together by their number; `violation` is a promise that is seen broken here; `look` is a
 * call that the lab makes in a tenant's name to hold the device against its model.
 */
export type EventKind = 'call' | 'answer' | 'event' | 'look' | 'violation';

/** One entry of a chronicle. */
export interface ChronicleEvent {
  /** The step under way; -1: the end of the run. */
  readonly step: number;
  readonly kind: EventKind;
  readonly from: Lane;
  readonly to: Lane;
  readonly text: string;
  /** What makes it one of many: events that follow each other with the same sort are folded. */
  readonly sort: string;
  /** Number of the call that this is, or answers. */
  readonly call?: number;
}
