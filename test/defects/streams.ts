/** Streams that are believed: lengths, indexes and positions that nobody checked, or checked too early. */

import { LoadSession } from '../../sim/devices/mlx5/load-session.ts';
import { REFUSAL } from '../../sim/devices/mlx5/refusal.ts';
import type { Process } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MigrationCommands } from '../../variants/mlx5/core/migration-commands.ts';
import { ImageLoader } from '../../variants/mlx5/resume/loader.ts';
import { SAFEGUARDS as MLX5_SAFEGUARDS } from '../../variants/mlx5/safeguards.ts';
import { FORMAT, SAFEGUARDS } from '../../variants/mtty/format.ts';
import { Session } from '../../variants/mtty/migration.ts';
import { FIFO } from '../../variants/mtty/registers.ts';
import type { Defect } from './defect.ts';
import { patch } from './patch.ts';

/** What a test can patch of a session of the serial card, which keeps its write to itself. */
interface SerialSession {
  bytes: Uint8Array;
  position: number;
  filled: number;
  alive: boolean;
  write(caller: Process, address: number, length: number): unknown;
  checkHeader(): number;
}
const SERIAL = Session.prototype as unknown as SerialSession;

export const STREAM_DEFECTS: readonly Defect[] = [
  {
    id: 'QAT-01',
    subject: 'mtty',
    title: 'the end of a write is held against the limit in a type that is too narrow',
    reference: '9283b7392570',
    properties: ['stream robustness', 'resource bound'],
    plant: () => patch(SAFEGUARDS.FITS, 'holds', () => (end, whole) => Number(BigInt.asIntN(31, BigInt(end))) <= whole),
  },
  {
    id: 'QAT-02',
    subject: 'mtty',
    title: 'the position is checked before the lock is taken',
    reference: 'CVE-2026-74306, 4ec5e932e636',
    properties: ['stream robustness'],
    plant: () =>
      patch(
        SERIAL,
        'write',
        () =>
          function* (this: SerialSession, caller, address, length) {
            if (this.position + length > this.bytes.length) return -ERRNO.ENOMEM;
            yield 0;
            if (!this.alive) return -ERRNO.ENODEV;
            const part = caller.memory.copyIn(address, length);
            if (part === undefined) return -ERRNO.EFAULT;
            const before = this.position;
            this.bytes.set(part, before);
            this.position = this.filled = before + length;
            const complete = before < FORMAT.headerSize && this.position >= FORMAT.headerSize;
            return (complete && this.checkHeader()) || length;
          },
      ),
  },
  {
    id: 'SPDK-05',
    subject: 'mtty',
    title: 'a write that does not begin at 0 is counted and dropped',
    reference: 'db73e999e9',
    properties: ['stream robustness', 'save-load round trip'],
    plant: () =>
      patch(
        SERIAL,
        'write',
        (write) =>
          function (this: SerialSession, caller, address, length) {
            if (this.position === 0 || this.position + length > this.bytes.length || !this.alive)
              return write.call(this, caller, address, length);
            this.position = this.filled = this.position + length;
            return length;
          },
      ),
  },
  {
    id: 'LVU-15',
    title: 'the number of an error is taken for a signed one',
    reference: 'b1a156d',
    properties: ['stream robustness'],
    plant: () =>
      patch(
        MigrationCommands.prototype,
        'load',
        (load) =>
          function* (this: MigrationCommands, vhcaId, mkey, size) {
            const result = yield* load.call(this, vhcaId, mkey, size);
            return result === -ERRNO.EIO ? ERRNO.EIO : result;
          },
      ),
  },
  {
    id: 'QEMU-01',
    title: 'room is made for a page, whatever length the stream says',
    reference: 'CVE-2013-4148 to 4151, 4526 to 4542, 6399, CVE-2014-0182',
    properties: ['stream robustness'],
    plant: () =>
      patch(
        ImageLoader.prototype,
        'prepare',
        (prepare) =>
          function (this: ImageLoader, size) {
            Object.assign(this, { announced: 0 });
            return prepare.call(this, Math.min(size, 4096));
          },
      ),
  },
  {
    id: 'QEMU-02',
    subject: 'mtty',
    title: 'a place is only checked for its upper bound, as a signed number',
    reference: 'CVE-2013-4541, 9f8e9895; CVE-2014-3461',
    properties: ['stream robustness'],
    plant: () => patch(SAFEGUARDS.PLACE, 'holds', () => (place) => (place << 24) >> 24 < FIFO),
  },
  {
    id: 'QEMU-03',
    subject: 'mtty',
    title: 'the place one behind the FIFO is taken for one in it',
    reference: 'CVE-2017-16845',
    properties: ['stream robustness'],
    plant: () => patch(SAFEGUARDS.PLACE, 'holds', () => (place) => place <= FIFO),
  },
  {
    id: 'STREAM-OWN-02',
    title: 'the limit of a record is that of a file position',
    reference: 'shape of MAX_LOAD_SIZE left out',
    properties: ['stream robustness', 'resource bound', 'parent-interaction scope'],
    plant: () => patch(MLX5_SAFEGUARDS.RECORD_SIZE_LIMIT, 'holds', () => () => true),
  },
  {
    id: 'STREAM-OWN-03',
    title: 'a record of no known kind is loaded',
    reference: 'shape of virtio: header checks',
    properties: ['stream robustness'],
    plant: () => patch(MLX5_SAFEGUARDS.KNOWN_TAG, 'holds', () => () => true),
  },
  {
    id: 'STREAM-OWN-05',
    title: 'the device believes a sum that is right',
    reference: 'shape of QEMU-01: what is loaded crashes the device when it is used',
    properties: ['stream robustness', 'reset and liveness', 'save-load round trip'],
    plant: () =>
      patch(
        LoadSession.prototype,
        'load',
        (load) =>
          function (this: LoadSession, image, live) {
            const result = load.call(this, image, live);
            if (result === REFUSAL.BAD_IMAGE && image.length > 0x100) live.scratch[0]! ^= 1;
            return result;
          },
      ),
  },
  {
    id: 'STREAM-OWN-06',
    subject: 'mtty',
    title: 'a header of another version is taken',
    reference: 'shape of hisi_acc: version not compared',
    properties: ['stream robustness'],
    plant: () => patch(SAFEGUARDS.MAJOR, 'holds', () => () => true),
  },
  {
    id: 'STREAM-OWN-07',
    subject: 'mtty',
    title: 'a header that is written in two pieces is never checked',
    reference: 'shape of checks that look at one write',
    properties: ['stream robustness'],
    plant: () =>
      patch(
        SERIAL,
        'write',
        (write) =>
          function (this: SerialSession, caller, address, length) {
            if (this.position === 0 || this.position + length > this.bytes.length || !this.alive)
              return write.call(this, caller, address, length);
            const part = caller.memory.copyIn(address, length);
            if (part === undefined) return -ERRNO.EFAULT;
            this.bytes.set(part, this.position);
            this.position = this.filled = this.position + length;
            return length;
          },
      ),
  },
];
