/** Defects of the serial card. Two of them are how the kernel's sample is (samples/vfio-mdev/mtty.c). */
import { deref } from '../../src/kernel/oops.ts';
import { ended } from '../../src/kernel/sleep.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { SerialConfig } from '../../variants/mtty/config.ts';
import { Mtty } from '../../variants/mtty/device.ts';
import { FORMAT, SAFEGUARDS } from '../../variants/mtty/format.ts';
import { SerialIrqs } from '../../variants/mtty/irqs.ts';
import { MTTY_MIGRATION, Session } from '../../variants/mtty/migration.ts';
import { REG } from '../../variants/mtty/registers.ts';
import { Uart } from '../../variants/mtty/uart.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

const { RUNNING, RESUMING, STOP_COPY, PRE_COPY } = MIG_STATE;
const subject = 'mtty';
/** Not covered by any field: padding at the end of a port. */
const PADDING = 35;

/** The card that was made after this one; after the last one comes the first. */
function neighbour(card: Mtty): Mtty {
  const { core } = card.vdev.group as unknown as { core: { devices: { data: Mtty }[] } };
  return core.devices[(card.vdev.index + 1) % core.devices.length]!.data;
}

export const MTTY_DEFECTS: readonly Defect[] = [
  {
    id: 'MTTY-01',
    subject,
    title: 'a register lives with the neighbour',
    reference: 'shape of CORE-05 and CORE-06: an identity that is not checked',
    properties: ['noninterference'],
    plant: () =>
      patch(
        Mtty.prototype,
        'access',
        (access) =>
          function (this: Mtty, region, at, bytes, write) {
            const card = region < this.ports.length && at % 8 === REG.SCRATCH ? neighbour(this) : this;
            return access.call(card, region, at, bytes, write);
          },
      ),
  },
  {
    id: 'MTTY-02',
    subject,
    title: 'padding of a saved port holds what was in memory before',
    reference: 'shape of uninitialised padding: bytes of the buffer that no field covers',
    properties: ['noninterference'],
    plant: () =>
      patch(
        Session.prototype,
        'appendPorts',
        (append) =>
          function (this: Session) {
            append.call(this);
            const { device } = this as unknown as { device: Mtty };
            FORMAT.part(this.bytes, 0)[PADDING] = neighbour(device).ports[0]!.fifo[0]!;
          },
      ),
  },
  {
    id: 'MTTY-03',
    subject,
    title: 'places in the FIFO are taken from the stream as they come',
    reference: 'mtty.c: mtty_load_state',
    properties: ['stream robustness', 'reset and liveness'],
    plant: () => patch(SAFEGUARDS.PLACE, 'holds', () => () => true),
  },
  {
    id: 'MTTY-04',
    subject,
    title: 'leaving RESUMING follows the pointer to a session that the last close took away',
    reference: 'mtty.c: mtty_close, mtty_load_state',
    properties: ['reset and liveness'],
    plant: () =>
      patch(MTTY_MIGRATION, 'migration_set_state', (set) => (card, target) => {
        if (card.state === RESUMING && target === RUNNING) deref(card.resuming, 'resuming_migf');
        return set(card, target);
      }),
  },
  {
    id: 'MTTY-05',
    subject,
    title: 'a stopped device that was copied goes back to pre-copy',
    reference: 'shape of CORE-01: an arc that the uAPI forbids',
    properties: ['FSM legality'],
    plant: () =>
      patch(MTTY_MIGRATION, 'migration_set_state', (set) => (card, target) => {
        if (card.state !== STOP_COPY || target !== PRE_COPY) return set(card, target);
        card.state = PRE_COPY;
        return ended(undefined);
      }),
  },
  {
    id: 'MTTY-06',
    subject,
    title: 'a reset forgets the data file without closing it',
    reference: 'shape of PDS-02: reset with open files',
    properties: ['fd lifetime'],
    plant: () =>
      patch(
        Mtty.prototype,
        'endSessions',
        () =>
          function (this: Mtty) {
            this.saving = this.resuming = undefined;
          },
      ),
  },
  {
    id: 'MTTY-07',
    subject,
    title: 'the last close leaves the session running',
    reference: 'shape of a session that outlives its device',
    properties: ['resource bound', 'fd lifetime'],
    plant: () => patch(new Mtty('', 1).vdev.ops, 'close_device', () => (card) => card.irqs.disable()),
  },
  {
    id: 'MTTY-08',
    subject,
    title: 'an eventfd is kept after it was taken back',
    reference: 'shape of an interrupt context that outlives SET_IRQS',
    properties: ['interrupt confinement'],
    plant: () =>
      patch(
        SerialIrqs.prototype,
        'disable',
        () =>
          function (this: SerialIrqs) {
            (this as unknown as { index: number }).index = -1;
          },
      ),
  },
  {
    id: 'MTTY-09',
    subject,
    title: 'configuration writes go through unmasked',
    reference: 'shape of a permission table that was not asked',
    properties: ['config-space confinement'],
    plant: () =>
      patch(
        SerialConfig.prototype,
        'write',
        () =>
          function (this: SerialConfig, at, bytes) {
            this.bytes.set(bytes, at % 0x100);
          },
      ),
  },
  {
    id: 'MTTY-10',
    subject,
    title: 'head and tail change places when a port is loaded',
    reference: 'shape of HISI-02: two halves put together in the wrong order',
    properties: ['save-load round trip'],
    plant: () =>
      patch(
        Uart.prototype,
        'load',
        (load) =>
          function (this: Uart, section) {
            load.call(this, section);
            [this.head, this.tail] = [this.tail, this.head];
          },
      ),
  },
  {
    id: 'MTTY-11',
    subject,
    title: 'RESUMING is left with what has come so far',
    reference: 'shape of a length that is not held against what the device needs',
    properties: ['stream robustness'],
    plant: () => patch(SAFEGUARDS.WHOLE, 'holds', () => () => true),
  },
];
