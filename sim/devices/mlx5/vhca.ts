/**
 * What the firmware knows of one VF: what is suspended, which saves are tracked, what is being loaded. The rules of order
 * are the `check` methods; each answers with a refusal or nothing.
 */
import { LoadSession } from './load-session.ts';
import type { PageTracker } from './page-tracker.ts';
import { REFUSAL, type Refusal } from './refusal.ts';
import type { SaveStream } from './save-stream.ts';
import type { VfModel } from './vf.ts';

/** Sides of a VHCA: it starts requests as initiator and answers them as responder. */
export type Side = 'initiator' | 'responder';

export class Vhca {
  readonly id: number;
  /** VF number, 0-based; function_id is one more. */
  readonly index: number;
  readonly partition: string;
  vf!: VfModel;
  /** Tracking contexts held: one for each full save with set_track that nothing has ended yet. */
  tracked = 0;
  /** A SAVE_VHCA_STATE is on its way. */
  saving = false;
  stream: SaveStream | undefined = undefined;
  loading: LoadSession | undefined = undefined;
  tracker: PageTracker | undefined = undefined;
  /** Counts resets, so that a save notices one. */
  generation = 0;
  /** A reset ended something the driver believes to be going on. */
  private disturbed = false;

  constructor(id: number, index: number) {
    this.id = id;
    this.index = index;
    this.partition = `vf${index}`;
  }

  get stopped(): boolean {
    const { initiator, responder } = this.vf.state.suspended;
    return initiator && responder;
  }

  checkSuspend(side: Side): Refusal | undefined {
    const { suspended } = this.vf.state;
    if (this.saving) return REFUSAL.SAVE_RUNNING;
    if (suspended[side]) return this.order(REFUSAL.ALREADY_SUSPENDED);
    return side === 'responder' && !suspended.initiator ? this.order(REFUSAL.WRONG_ORDER) : undefined;
  }

  checkResume(side: Side): Refusal | undefined {
    const { suspended } = this.vf.state;
    if (this.saving) return REFUSAL.SAVE_RUNNING;
    if (!suspended[side]) return this.order(REFUSAL.NOT_SUSPENDED);
    return side === 'initiator' && suspended.responder ? this.order(REFUSAL.WRONG_ORDER) : undefined;
  }

  checkQuery(incremental: boolean): Refusal | undefined {
    if (this.saving) return REFUSAL.SAVE_RUNNING;
    return incremental ? this.checkIncremental() : undefined;
  }

  /**
   * With set_track: while it answers requests. Without: when stopped; or while running, not incremental, to give up the
   * tracking of a save begun earlier (the driver's PRE_COPY to RUNNING).
   */
  checkSave(incremental: boolean, track: boolean): Refusal | undefined {
    if (this.saving) return REFUSAL.SAVE_RUNNING;
    if (track && this.vf.state.suspended.responder) return this.order(REFUSAL.TRACK_SUSPENDED);
    if (!track && !this.stopped && (incremental || this.tracked === 0)) return this.order(REFUSAL.NOT_SUSPENDED);
    return incremental ? this.checkIncremental() : undefined;
  }

  checkLoad(): Refusal | undefined {
    if (this.saving) return REFUSAL.SAVE_RUNNING;
    if (!this.stopped) return this.order(REFUSAL.NOT_SUSPENDED);
    return this.tracked > 0 ? this.order(REFUSAL.TRACKED) : undefined;
  }

  suspend(side: Side): void {
    this.disturbed = false;
    this.leaveStopped();
    if (side === 'initiator') this.vf.suspendInitiator();
    else this.vf.state.suspended.responder = true;
  }

  resume(side: Side): void {
    this.disturbed = false;
    this.leaveStopped();
    if (side === 'initiator') this.vf.resumeInitiator();
    else this.vf.state.suspended.responder = false;
  }

  /** The bytes of one image; the device changes only if all of them are right. */
  load(image: Uint8Array): Refusal | undefined {
    const session = this.loading ?? new LoadSession();
    const refusal = session.load(image, this.vf.state);
    if (refusal === undefined) this.loading = session;
    return refusal;
  }

  /** A save went well. */
  saved(): void {
    this.disturbed = false;
  }

  /** One tracking context is given back; with the last one tracking ends. */
  endTracking(): void {
    if (this.tracked > 0) this.tracked--;
    if (this.tracked === 0) this.vf.state.changes = undefined;
  }

  /** The VF is reset. Its page tracker stays: that is the PF driver's. */
  reset(): void {
    const { initiator, responder } = this.vf.state.suspended;
    this.disturbed ||= initiator || responder || this.tracked > 0 || this.saving || this.loading !== undefined;
    this.generation++;
    this.tracked = 0;
    this.stream = undefined;
    this.loading = undefined;
  }

  /** An image of which parts are missing is forgotten: the device runs on from what it was. */
  private leaveStopped(): void {
    this.loading = undefined;
    if (this.stream !== undefined) this.stream.rest = undefined;
  }

  private checkIncremental(): Refusal | undefined {
    return this.tracked > 0 || this.stream?.rest !== undefined ? undefined : this.order(REFUSAL.NOT_TRACKED);
  }

  private order(refusal: Refusal): Refusal {
    return this.disturbed ? REFUSAL.AFTER_RESET : refusal;
  }
}
