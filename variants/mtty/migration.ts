/**
 * Migration of the serial card: STOP_COPY, P2P and PRE_COPY. The stream is a header and, from STOP_COPY on, 36 bytes a
 * port. What the state machine asks for cannot fail, but for leaving RESUMING with less than a whole stream.
 */
import { viewOf, zeroedBytes } from '../../src/kernel/bytes.ts';
import type { Process } from '../../src/kernel/process.ts';
import { ended } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, MIGRATION } from '../../src/uapi/vfio.ts';
import { DataFile } from '../../src/vfio/migration/data-fd.ts';
import type { SetStateResult, VfioLogOps, VfioMigrationOps } from '../../src/vfio/migration/ops.ts';
import { vfio_check_precopy_ioctl, writePrecopyInfo } from '../../src/vfio/migration/precopy.ts';
import { walkMigration } from '../../src/vfio/migration/walk.ts';
import type { Mtty } from './device.ts';
import { PORT_STATE } from './uart.ts';

export const MTTY_MIGRATION_FLAGS = MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY;
const { STOP, STOP_COPY, RESUMING, PRE_COPY, PRE_COPY_P2P, RUNNING } = MIG_STATE;
const HEADER = { MAGIC: 0, MAJOR: 8, MINOR: 12, PORTS: 16, FLAGS: 20, SIZE: 24 } as const;
const MAGIC = 0x7e9d_0989_8c3e_2c4en;
const MAJOR = 1;

/** Bytes of a whole stream. */
export const streamSize = (device: Mtty): number => HEADER.SIZE + PORT_STATE * device.ports.length;

/** One data file and what it holds. */
export class Session {
  readonly file: DataFile;
  /** The stream: what there is to read, or what has been written. */
  readonly bytes: Uint8Array;
  filled = 0;
  position = 0;
  alive = true;
  private readonly device: Mtty;

  constructor(device: Mtty, side: 'read' | 'write') {
    this.device = device;
    this.bytes = zeroedBytes(streamSize(device));
    this.file = new DataFile('mtty_mig', side, {
      read: (caller, address, length) => this.read(caller, address, length),
      write: (caller, address, length) => this.write(caller, address, length),
      ...(side === 'read' ? { ioctl: (...call) => this.precopyInfo(...call) } : {}),
    });
  }

  end(): void {
    this.alive = false;
    this.position = this.filled = 0;
    this.file.drop();
  }

  header(): void {
    const view = viewOf(this.bytes);
    view.setBigUint64(HEADER.MAGIC, MAGIC, true);
    view.setUint32(HEADER.MAJOR, MAJOR, true);
    view.setUint32(HEADER.PORTS, this.device.ports.length, true);
    this.filled = HEADER.SIZE;
  }

  /** Behind the header, the ports as they are now. */
  appendPorts(): void {
    for (const [i, port] of this.device.ports.entries()) port.save(this.part(i));
    this.filled = this.bytes.length;
  }

  takeOver(): void {
    for (const [i, port] of this.device.ports.entries()) port.load(this.part(i));
  }

  private part(index: number): Uint8Array {
    const at = HEADER.SIZE + PORT_STATE * index;
    return this.bytes.subarray(at, at + PORT_STATE);
  }

  private read(caller: Process, address: number, length: number): number {
    if (!this.alive) return -ERRNO.ENODEV;
    const count = Math.min(length, this.filled - this.position);
    if (!caller.memory.write(address, this.bytes.subarray(this.position, this.position + count))) return -ERRNO.EFAULT;
    this.position += count;
    return count;
  }

  /** Whatever fits is taken; what completes the header is held against it, and counts all the same. */
  private write(caller: Process, address: number, length: number): number {
    const end = this.position + length;
    if (end > streamSize(this.device)) return -ERRNO.ENOMEM;
    if (!this.alive) return -ERRNO.ENODEV;
    const part = caller.memory.copyIn(address, length);
    if (part === undefined) return -ERRNO.EFAULT;
    const complete = this.position < HEADER.SIZE && end >= HEADER.SIZE;
    this.bytes.set(part, this.position);
    this.position = this.filled = end;
    return complete && !this.headerFits() ? -ERRNO.EFAULT : length;
  }

  private headerFits(): boolean {
    const view = viewOf(this.bytes);
    return (
      view.getBigUint64(HEADER.MAGIC, true) === MAGIC &&
      view.getUint32(HEADER.MAJOR, true) === MAJOR &&
      view.getUint32(HEADER.MINOR, true) === 0 &&
      view.getUint32(HEADER.PORTS, true) === this.device.ports.length &&
      view.getUint32(HEADER.FLAGS, true) === 0
    );
  }

  private precopyInfo(caller: Process, command: number, argument: number): number {
    const info = vfio_check_precopy_ioctl(caller, command, argument, this.device.vdev);
    if (typeof info === 'number') return info;
    const { state } = this.device;
    if (state !== PRE_COPY && state !== PRE_COPY_P2P) return -ERRNO.EINVAL;
    if (!this.alive) return -ERRNO.ENODEV;
    info.initial_bytes = BigInt(this.filled - this.position);
    info.dirty_bytes = 0n;
    return writePrecopyInfo(caller, argument, info);
  }
}

function arc(device: Mtty, from: number, to: number): SetStateResult {
  if (to === STOP_COPY) {
    const session = device.saving ?? device.begin('read');
    if (session.filled === 0) session.header();
    session.appendPorts();
    return from === STOP ? session.file : undefined;
  }
  if (to === RESUMING) return device.begin('write').file;
  if (from === RESUMING) {
    const { resuming } = device;
    if (resuming!.filled < streamSize(device)) return -ERRNO.EINVAL;
    resuming!.takeOver();
    device.endSessions();
    return undefined;
  }
  if ((to === PRE_COPY || to === PRE_COPY_P2P) && device.saving === undefined) {
    const session = device.begin('read');
    session.header();
    return session.file;
  }
  const stillSaves = to === PRE_COPY || to === PRE_COPY_P2P;
  if (!stillSaves) device.endSessions();
  return undefined;
}

export const MTTY_MIGRATION: VfioMigrationOps<Mtty> = {
  migration_set_state: (device, target) =>
    walkMigration(
      MTTY_MIGRATION_FLAGS,
      () => device.state,
      (from, to) => arc(device, from, to),
      (to) => {
        device.state = to;
      },
      target,
    ),
  migration_get_state: (device) => ended(device.state),
  migration_get_data_size: (device) => ended(streamSize(device)),
};

/** Nothing is ever written by DMA, so nothing is ever dirty. */
export const MTTY_LOG: VfioLogOps<Mtty> = {
  log_start: (_device, _ranges, pageSize) => ended(pageSize),
  log_stop: () => ended(0),
  log_read_and_clear: () => ended(0),
};

/** VFIO_DEVICE_RESET: the session ends, the ports stay as they are. */
export function reset(device: Mtty): number {
  device.endSessions();
  device.state = RUNNING;
  return 0;
}
