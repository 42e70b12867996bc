/** Dirty logging by the card's page tracker (drivers/vfio/pci/mlx5/cmd.c: mlx5vf_start_page_tracker and following). */
import { Completion, type Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { vfio_combine_iova_ranges } from '../../../src/vfio/migration/iova-ranges.ts';
import type { IovaBitmap, LogRange } from '../../../src/vfio/migration/ops.ts';
import type { TrackerLimits } from '../core/capabilities.ts';
import { EVENT } from '../core/registers.ts';
import { TRACK_STATE } from '../core/tracker-commands.ts';
import type { Mlx5VfDevice } from '../device.ts';
import { SAFEGUARDS } from '../safeguards.ts';
import { type Message, TrackerQueues } from './queues.ts';

/** A dirty entry of a message: the page's address, high word first. */
const DIRTY_ENTRY = 8;
const U64 = 2n ** 64n;

/** Everything of a tracker that runs. */
interface Running {
  readonly id: number;
  readonly queues: TrackerQueues;
  readonly pageSize: bigint;
  readonly unhook: () => void;
}

export class PageTracker {
  private readonly device: Mlx5VfDevice;
  private running: Running | undefined;
  /** The card’s queues or the tracker broke: every report answers EIO until the tracker is stopped. */
  broken = false;
  private changed = false;
  private readonly happened: Completion;

  constructor(device: Mlx5VfDevice) {
    this.device = device;
    this.happened = new Completion(`mlx5 tracker ${device.core.pdev.name}`);
  }

  get active(): boolean {
    return this.running !== undefined;
  }

  /** The page size used, or a negated errno. The caller holds the state mutex, here and below. */
  *start(ranges: readonly LogRange[], pageSize: bigint): Task<bigint | number> {
    const attached = this.device.attached();
    if (attached < 0) return attached;
    if (!SAFEGUARDS.TRACKING_STOPPED.holds(this.active, undefined)) return -ERRNO.EINVAL;
    const limits = this.device.card.hca.capabilities.tracker!;
    const logPage = this.trackedPage(pageSize, limits);
    this.broken = false;
    this.changed = false;
    const queues = new TrackerQueues(this.device, limits.logMaxMessage);
    const opened = yield* queues.open();
    const id = opened < 0 ? opened : yield* this.create(queues, ranges, logPage, limits);
    if (id < 0) {
      yield* queues.free();
      return id;
    }
    this.running = { id, queues, pageSize: 1n << BigInt(logPage), unhook: this.hook(id, queues) };
    return this.running.pageSize;
  }

  /** Stops a tracker, if one runs; the card forgets what it recorded. */
  *release(): Task<void> {
    const { running } = this;
    if (running === undefined) return;
    this.running = undefined;
    running.unhook();
    yield* this.device.parent.call('destroyTracker', { tracker: running.id });
    yield* running.queues.free();
  }

  /** Marks the dirty pages of [iova, iova + length); they are clean from now on. 0, or a negated errno. */
  *report(iova: bigint, length: bigint, dirty: IovaBitmap): Task<number> {
    if (!SAFEGUARDS.TRACKING_STARTED.holds(this.active, undefined)) return -ERRNO.EINVAL;
    const attached = this.device.attached();
    if (attached < 0) return attached;
    const running = this.running!;
    const asked = yield* this.device.parent.call('report', { tracker: running.id, start: iova, length });
    if (asked < 0) return asked;
    let state: number = TRACK_STATE.REPORTING;
    while (state === TRACK_STATE.REPORTING && !this.broken) {
      if (this.changed) {
        this.changed = false;
        state = yield* this.device.parent.call('trackerState', { tracker: running.id });
        if (state < 0) return state;
        continue;
      }
      const message = running.queues.poll();
      if (message === 'error') return -ERRNO.EIO;
      if (message === 'empty') {
        yield* this.happened.waitUninterruptible();
        continue;
      }
      state = this.mark(running, message, dirty);
    }
    if (state === TRACK_STATE.ERROR) this.broken = true;
    return this.broken ? -ERRNO.EIO : 0;
  }

  /** set_tracker_error: wakes a report that waits, which then answers EIO. */
  fail(): void {
    this.broken = true;
    this.happened.complete();
  }

  /** log2 of the page size to use: the card's nearest to the user's. Size 0 counts as the largest. */
  trackedPage(pageSize: bigint, limits: TrackerLimits): number {
    const log = pageSize === 0n ? limits.logMaxPage : pageSize.toString(2).length - 1;
    return Math.min(Math.max(log, limits.logMinPage), limits.logMaxPage);
  }

  private *create(
    queues: TrackerQueues,
    ranges: readonly LogRange[],
    logPage: number,
    limits: TrackerLimits,
  ): Task<number> {
    const combined = ranges.length > limits.maxRanges ? vfio_combine_iova_ranges(ranges, limits.maxRanges) : ranges;
    const spans = combined.map(({ start, last }) => ({ start, length: BigInt.asUintN(64, last - start + 1n) }));
    const logAddressSpace = logOf(spans.reduce((sum, span) => sum + span.length, 0n));
    const context = { least: limits.logMinAddressSpace, most: limits.logMaxAddressSpace };
    if (!SAFEGUARDS.TRACKED_SPACE.holds(logAddressSpace, context)) return -ERRNO.EOPNOTSUPP;
    if (this.device.noMemory()) return -ERRNO.ENOMEM;
    return yield* this.device.parent.call('createTracker', {
      vhcaId: this.device.abilities.vhcaId,
      spec: { ranges: spans, logAddressSpace, logPage, logMessage: limits.logMaxMessage, reportingQpn: queues.cardQpn },
    });
  }

  /** Reads one message; the state that its immediate carries. */
  private mark(running: Running, message: Message, dirty: IovaBitmap): number {
    const entries = running.queues.payload(message);
    for (let at = 0; entries !== undefined && at + DIRTY_ENTRY <= entries.byteLength; at += DIRTY_ENTRY)
      dirty.set(entries.getBigUint64(at), running.pageSize);
    running.queues.repost(message);
    return message.immediate >>> 28;
  }

  /** Listens to the card; returns the way to stop. */
  private hook(id: number, queues: TrackerQueues): () => void {
    const { card } = this.device;
    const offCompletion = card.onCompletion(() => this.happened.complete());
    const offEvent = card.onAsyncEvent((type, number) => {
      if (type === EVENT.OBJECT_CHANGE && number === id) {
        this.changed = true;
        this.happened.complete();
      } else if (type === EVENT.CQ_ERROR ? number === queues.cqn : isQueueError(type) && this.isMine(queues, number))
        this.fail();
    });
    return () => {
      offCompletion();
      offEvent();
    };
  }

  private isMine(queues: TrackerQueues, qpn: number): boolean {
    return qpn === queues.hostQpn || qpn === queues.cardQpn;
  }
}

function isQueueError(type: number): boolean {
  return type === EVENT.WQ_CATAS_ERROR || type === EVENT.WQ_ACCESS_ERROR || type === EVENT.WQ_INVAL_REQ_ERROR;
}

/** ilog2(roundup_pow_of_two(total)) in 64 bits: what does not fit counts as 2^0, which no card tracks. */
function logOf(total: bigint): number {
  const sum = total % U64;
  if (sum === 0n || sum > U64 / 2n) return 0;
  return (sum - 1n).toString(2).length - (sum === 1n ? 1 : 0);
}
