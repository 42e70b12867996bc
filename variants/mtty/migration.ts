/**
 * Migration of the serial card: STOP_COPY, P2P and PRE_COPY. The stream is a header and, from STOP_COPY on, 36 bytes a
 * port. What the state machine asks for cannot fail, but for leaving RESUMING with less than a whole stream.
 */
import { zeroedBytes } from '../../src/kernel/bytes.ts';
import type { Process } from '../../src/kernel/process.ts';
import { ended } from '../../src/kernel/sleep.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE, MIGRATION } from '../../src/uapi/vfio.ts';
import { fromUser, passes } from '../../src/variant/index.ts';
import { DataFile } from '../../src/vfio/migration/data-fd.ts';
import type { SetStateResult, VfioLogOps, VfioMigrationOps } from '../../src/vfio/migration/ops.ts';
import { vfio_check_precopy_ioctl, writePrecopyInfo } from '../../src/vfio/migration/precopy.ts';
import { walkMigration } from '../../src/vfio/migration/walk.ts';
import type { Mtty } from './device.ts';
import { FORMAT, MAGIC, MAJOR, MINOR, SAFEGUARDS } from './format.ts';

export const MTTY_MIGRATION_FLAGS = MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY;
const { STOP_COPY, RESUMING, PRE_COPY, PRE_COPY_P2P, RUNNING, RUNNING_P2P } = MIG_STATE;

/** Bytes of a whole stream. */
export const streamSize = (device: Mtty): number => FORMAT.size(device.ports.length);

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
    const nr_ports = this.device.ports.length;
    FORMAT.putHeader(this.bytes, { magic: MAGIC, major_ver: MAJOR, minor_ver: MINOR, nr_ports, flags: 0 });
    this.filled = FORMAT.headerSize;
  }

  /** Behind the header, the ports as they are now. */
  appendPorts(): void {
    for (const [i, port] of this.device.ports.entries()) port.save(FORMAT.part(this.bytes, i));
    this.filled = this.bytes.length;
  }

  /** The ports become what was written; less than a whole stream is refused. */
  takeOver(): number {
    if (!passes(fromUser(this.filled), SAFEGUARDS.WHOLE, streamSize(this.device))) return -SAFEGUARDS.WHOLE.errno;
    const sections = this.device.ports.map((_, i) => FORMAT.checkSection(FORMAT.part(this.bytes, i)));
    for (const section of sections) if (typeof section === 'number') return section;
    for (const [i, port] of this.device.ports.entries())
      port.load(sections[i] as Exclude<(typeof sections)[0], number>);
    return 0;
  }

  private read(caller: Process, address: number, length: number): number {
    if (!this.alive) return -ERRNO.ENODEV;
    const count = Math.min(length, this.filled - this.position);
    if (!caller.copyToUser(address, this.bytes.subarray(this.position, this.position + count))) return -ERRNO.EFAULT;
    this.position += count;
    return count;
  }

  /** Whatever fits is taken; what completes the header is held against it, and counts all the same. */
  private write(caller: Process, address: number, length: number): number {
    const end = this.position + length;
    if (!passes(fromUser(end), SAFEGUARDS.FITS, streamSize(this.device))) return -SAFEGUARDS.FITS.errno;
    if (!this.alive) return -ERRNO.ENODEV;
    const part = caller.copyFromUser(address, length);
    if (part === undefined) return -ERRNO.EFAULT;
    const complete = this.position < FORMAT.headerSize && end >= FORMAT.headerSize;
    this.bytes.set(part, this.position);
    this.position = this.filled = end;
    return (complete && this.checkHeader()) || length;
  }

  private checkHeader(): number {
    const header = FORMAT.checkHeader(this.bytes);
    if (typeof header === 'number') return header;
    return passes(header.nr_ports, SAFEGUARDS.PORTS, this.device.ports.length) ? 0 : -SAFEGUARDS.PORTS.errno;
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

/** mtty.c: mtty_step_state. Arcs between states that run, or that stop, need nothing: there is no DMA to hold back. */
function arc(device: Mtty, from: number, to: number): SetStateResult {
  const running = from === RUNNING || from === RUNNING_P2P;
  if (to === STOP_COPY || (running && (to === PRE_COPY || to === PRE_COPY_P2P))) return save(device, to);
  if (to === RESUMING) return device.noMemory() ? -ERRNO.ENOMEM : device.begin('write').file;
  if (from === RESUMING) return load(device);
  const leaves = from === STOP_COPY || ((from === PRE_COPY || from === PRE_COPY_P2P) && RUNS.has(to));
  if (leaves) device.endSessions();
  return undefined;
}

const RUNS = new Set<number>([RUNNING, RUNNING_P2P]);

/** The file, if the session begins with this arc. */
function save(device: Mtty, to: number): SetStateResult {
  const known = device.saving;
  if (known === undefined && device.noMemory()) return -ERRNO.ENOMEM;
  const session = known ?? device.begin('read');
  if (known === undefined) session.header();
  if (to === STOP_COPY) session.appendPorts();
  return known === undefined ? session.file : undefined;
}

/**
 * Who closed the device in RESUMING finds it there again, without a session. mtty.c: mtty_load_state follows the pointer
 * to it all the same, and the kernel crashes; here that is a stream of which nothing was written.
 */
function load(device: Mtty): SetStateResult {
  const result = device.resuming?.takeOver() ?? -SAFEGUARDS.WHOLE.errno;
  if (result < 0) return result;
  device.endSessions();
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
