/** State that is lost, or made up, on the way through a stream; and devices that do not stand still while they are saved. */

import { Icm } from '../../sim/devices/mlx5/icm.ts';
import { decodeImage } from '../../sim/devices/mlx5/image-decode.ts';
import { LoadSession } from '../../sim/devices/mlx5/load-session.ts';
import { REFUSAL } from '../../sim/devices/mlx5/refusal.ts';
import { VfModel } from '../../sim/devices/mlx5/vf.ts';
import { Q } from '../../sim/devices/mlx5/vf-registers.ts';
import { Uart } from '../../variants/mtty/uart.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const ROUND_TRIP = 'save-load round trip';

export const SAVED_STATE_DEFECTS: readonly Defect[] = [
  {
    id: 'HISI-03',
    title: 'the stream of a device whose guest never loaded a driver cannot be loaded',
    reference: 'CVE-2025-38283, 2777a40998de',
    properties: [ROUND_TRIP, 'stream robustness'],
    plant: () =>
      patch(
        LoadSession.prototype,
        'load',
        (load) =>
          function (this: LoadSession, image, live) {
            const queues = decodeImage(image, live.icm.pageCount)?.registers?.queues;
            const untouched = queues?.every((words) => words[Q.RING_LO / 4] === 0);
            return untouched ? REFUSAL.BAD_IMAGE : load.call(this, image, live);
          },
      ),
  },
  {
    id: 'HISI-04',
    title: 'what the device has in its hands is written back after it was stopped',
    reference: 'e63c46639873',
    properties: [ROUND_TRIP],
    plant: () =>
      patch(
        VfModel.prototype,
        'suspendInitiator',
        () =>
          function (this: VfModel) {
            this.state.suspended.initiator = true;
          },
      ),
  },
  {
    id: 'SPDK-02',
    subject: 'mtty',
    title: 'a status bit is not saved',
    reference: '903dd88c22, issue 2362',
    properties: [ROUND_TRIP],
    plant: () =>
      patch(
        Uart.prototype,
        'save',
        (save) =>
          function (this: Uart, into) {
            const { overrun } = this;
            this.overrun = false;
            save.call(this, into);
            this.overrun = overrun;
          },
      ),
  },
  {
    id: 'SPDK-03',
    title: 'a doorbell that was rung before the device resumed is forgotten',
    reference: 'eb0305e0e6, issue 2410',
    properties: ['reset and liveness'],
    plant: () =>
      patch(
        VfModel.prototype,
        'resumeInitiator',
        () =>
          function (this: VfModel) {
            this.state.suspended.initiator = false;
          },
      ),
  },
  {
    id: 'SPDK-04',
    title: 'where completions go is not loaded',
    reference: 'fa3986b10e',
    properties: [ROUND_TRIP],
    plant: () =>
      patch(
        LoadSession.prototype,
        'load',
        (load) =>
          function (this: LoadSession, image, live) {
            const kept = live.queues[1]![Q.CQ_LO / 4]!;
            const result = load.call(this, image, live);
            if (result === undefined) live.queues[1]![Q.CQ_LO / 4] = kept;
            return result;
          },
      ),
  },
  {
    id: 'STATE-OWN-01',
    title: 'memory that is all zero stays what it was before the load',
    reference: 'shape of pages that are left out of an image because nothing is in them',
    properties: ['residual data', ROUND_TRIP],
    plant: () => patch(Icm.prototype, 'clear', () => () => undefined),
  },
  {
    id: 'STATE-OWN-02',
    subject: 'mtty',
    title: 'the divisor loses its upper half',
    reference: 'shape of HISI-02: halves of a number',
    properties: [ROUND_TRIP],
    plant: () =>
      patch(
        Uart.prototype,
        'load',
        (load) =>
          function (this: Uart, section) {
            load.call(this, section);
            this.divisor &= 0xff;
          },
      ),
  },
  {
    id: 'STATE-OWN-03',
    subject: 'mtty',
    title: 'saving empties the FIFO',
    reference: 'shape of a save that changes what it saves',
    properties: [ROUND_TRIP],
    plant: () =>
      patch(
        Uart.prototype,
        'save',
        (save) =>
          function (this: Uart, into) {
            save.call(this, into);
            this.head = this.tail = this.count = 0;
          },
      ),
  },
];
