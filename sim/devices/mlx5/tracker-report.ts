/**
 * Sending a page tracker's report: messages from the firmware's queue pair to the driver's. Every message but the last says
 * REPORTING in its immediate data; the last says TRACKING. When no buffer is posted the firmware tries again later, a
 * bounded number of times; what cannot be delivered puts the tracker in error and is told as an event.
 */
import type { Firmware } from './firmware.ts';
import { EVENT, PF_VECTOR } from './init-segment.ts';
import { type PageTracker, type Report, TRACKER_STATE } from './page-tracker.ts';

/** Virtual nanoseconds between attempts, and how many (the queue pair's rnr_retry, which must end somewhere). */
const RNR_DELAY = 1000;
const RNR_ATTEMPTS = 1000;

/** Starts the report of a tracker that is TRACKING. */
export function startReport(firmware: Firmware, tracker: PageTracker, start: number, length: number): void {
  const report: Report = { pages: tracker.take(start, length), sent: 0, attempts: 0 };
  tracker.state = TRACKER_STATE.REPORTING;
  tracker.report = report;
  const delay = firmware.settings.reportDelay;
  if (delay === 0) pump(firmware, tracker, report);
  else firmware.ports.later(delay, () => pump(firmware, tracker, report));
}

/** Sends what can be sent. */
function pump(firmware: Firmware, tracker: PageTracker, report: Report): void {
  if (tracker.report !== report) return; // destroyed meanwhile
  const { dma, interrupts } = firmware.ports;
  const sender = firmware.objects.qp.get(tracker.qpn)!;
  const receiver = firmware.objects.qp.get(sender.remote);
  const vector = receiver?.cq.vector;
  let delivered = 0;
  for (;;) {
    const { payload, entries, last } = tracker.nextMessage(report, firmware.settings.reportPages);
    const immediate = ((last ? TRACKER_STATE.TRACKING : TRACKER_STATE.REPORTING) << 28) >>> 0;
    const result = receiver?.receive(dma, payload, immediate, (key) => firmware.mkey(key)) ?? 'error';
    if (result === 'delivered') {
      delivered++;
      report.sent += entries;
      report.attempts = 0;
      if (!last) continue;
      tracker.state = TRACKER_STATE.TRACKING;
      tracker.report = undefined;
    } else if (result === 'not-ready' && report.attempts++ < RNR_ATTEMPTS)
      firmware.ports.later(RNR_DELAY, () => pump(firmware, tracker, report));
    else fail(firmware, tracker);
    break;
  }
  if (delivered > 0 && vector !== undefined) interrupts.message(vector);
}

function fail(firmware: Firmware, tracker: PageTracker): void {
  tracker.state = TRACKER_STATE.ERROR;
  tracker.report = undefined;
  firmware.events.push({ type: EVENT.OBJECT_CHANGE, number: tracker.number });
  firmware.ports.interrupts.message(PF_VECTOR.EVENT);
}
