/** A tenant with one migratable fake device behind a real device fd, for the tests of the VFIO core. */
import { PhysicalMemory } from '../../sim/memory.ts';
import { Mutex } from '../../sim/mutex.ts';
import { Scheduler, type Task } from '../../sim/scheduler.ts';
import { AddressSpace } from '../../src/kernel/address-space.ts';
import type { Backing } from '../../src/kernel/file.ts';
import { Process } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, MIG_STATE, type MigState, VFIO } from '../../src/uapi/vfio.ts';
import { VfioDevice, type VfioDeviceOps } from '../../src/vfio/device.ts';
import { type DeviceFileOptions, VfioDeviceFile } from '../../src/vfio/device-file.ts';
import { DATA_FILE_ARCS, migStateName, SESSION_END_ARCS } from '../../src/vfio/migration/arcs.ts';
import { DataFile } from '../../src/vfio/migration/data-fd.ts';
import type { IovaBitmap, LogRange, SetStateResult } from '../../src/vfio/migration/ops.ts';
import { vfio_check_precopy_ioctl, writePrecopyInfo } from '../../src/vfio/migration/precopy.ts';
import { walkMigration } from '../../src/vfio/migration/walk.ts';

/** An address nothing is mapped at. */
export const UNMAPPED = 0x1000;

/** A task that never sleeps. */
// biome-ignore lint/correctness/useYield: the interface asks for a task
export function* immediately<T>(value: T): Task<T> {
  return value;
}

/** A driver that moves between states, remembers its arcs, and fails where a test says so. */
export class FakeDriver {
  state: MigState = MIG_STATE.RUNNING;
  /** Arcs taken, e.g. `RUNNING>STOP`, failed ones included. */
  readonly arcs: string[] = [];
  /** A negated errno makes that arc fail. */
  fail: (from: MigState, to: MigState) => number = () => 0;
  /** Arcs in this list hand out a file against the rules. */
  strayFileOn: string | undefined;
  dataSize = 96;
  session: DataFile | undefined;
  released = 0;
  readonly started: { ranges: readonly LogRange[]; pageSize: bigint }[] = [];
  stopped = 0;
  startResult: (pageSize: bigint) => bigint | number = (pageSize) => pageSize;
  report: (iova: bigint, length: bigint, dirty: IovaBitmap) => number = () => 0;
  readonly calls: string[] = [];
  device!: VfioDevice<FakeDriver>;
  private readonly mutex = new Mutex('state_mutex');

  *setState(flags: number, target: number): Task<SetStateResult> {
    yield* this.mutex.lock();
    const result = yield* walkMigration(
      flags,
      () => this.state,
      (from, to) => this.step(from, to),
      (to) => {
        this.state = to;
      },
      target,
    );
    this.mutex.unlock();
    return result;
  }

  private *step(from: MigState, to: MigState): Task<SetStateResult> {
    const arc = `${migStateName(from)}>${migStateName(to)}`;
    this.arcs.push(arc);
    yield 10; // a command to the parent takes its time
    const error = this.fail(from, to);
    if (error < 0) return error;
    if (SESSION_END_ARCS.some((end) => end.from === from && end.to === to)) this.endSession();
    const opens = DATA_FILE_ARCS.find((open) => open.from === from && open.to === to);
    if (opens === undefined && arc !== this.strayFileOn) return undefined;
    this.session = this.open(opens?.side ?? 'read');
    return this.session;
  }

  private endSession(): void {
    this.session?.drop();
    this.session = undefined;
  }

  private open(side: 'read' | 'write'): DataFile {
    let disabled = (): boolean => this.session !== file;
    const file: DataFile = new DataFile('fake_mig', side, {
      read: () => (disabled() ? -ERRNO.ENODEV : 0),
      write: (_caller, _address, length) => (disabled() ? -ERRNO.ENODEV : length),
      ...(side === 'read' && {
        ioctl: (caller: Process, command: number, argument: number) => {
          const info = vfio_check_precopy_ioctl(caller, command, argument, this.device);
          if (typeof info === 'number') return info;
          if (this.state !== MIG_STATE.PRE_COPY) return -ERRNO.EINVAL;
          if (disabled()) return -ERRNO.ENODEV;
          info.initial_bytes = 24n; // dirty_bytes is left as the user sent it
          return writePrecopyInfo(caller, argument, info);
        },
      }),
      release: () => {
        this.released++;
        disabled = () => true;
      },
    });
    return file;
  }
}

/** Puts the migration and logging abilities on a fresh device. */
export function fakeDevice(
  flags: number,
  ops: Partial<VfioDeviceOps<FakeDriver>> = {},
  abilities: { migration?: boolean; logging?: boolean } = {},
): VfioDevice<FakeDriver> {
  const driver = new FakeDriver();
  const device = new VfioDevice<FakeDriver>('0000:01:00.1', { name: 'fake-vfio-pci', ...ops }, driver);
  driver.device = device;
  device.migrationFlags = flags;
  if (abilities.migration !== false) {
    device.migOps = {
      migration_set_state: (data, target) => data.setState(flags, target),
      migration_get_state: (data) => immediately(data.state),
      migration_get_data_size: (data) => immediately(data.dataSize),
    };
  }
  if (abilities.logging !== false) {
    device.logOps = {
      log_start(data, ranges, pageSize) {
        data.started.push({ ranges, pageSize });
        return immediately(data.startResult(pageSize));
      },
      log_stop(data) {
        data.stopped++;
        return immediately(0);
      },
      log_read_and_clear(data, iova, length, dirty) {
        data.calls.push(`report ${iova} ${length}`);
        return immediately(data.report(iova, length, dirty));
      },
    };
  }
  return device;
}

/** One process with a device fd and a page of memory for arguments. */
export class Tenant {
  readonly scheduler = new Scheduler();
  readonly memory: AddressSpace;
  readonly process: Process;
  readonly device: VfioDevice<FakeDriver>;
  readonly file: VfioDeviceFile<FakeDriver>;
  readonly fd: number;
  /** Address of a page for arguments. */
  readonly page: number;

  constructor(device: VfioDevice<FakeDriver>, options: Partial<DeviceFileOptions> = {}) {
    this.memory = new AddressSpace(new PhysicalMemory(), 'tenant');
    const noPaths = { open: () => -ERRNO.ENOENT, readlink: () => -ERRNO.ENOENT, readdir: () => -ERRNO.ENOENT };
    this.process = new Process('tenant', this.memory, this.scheduler, noPaths, []);
    this.device = device;
    this.file = new VfioDeviceFile(device, { granted: true, release: () => {}, ...options });
    this.fd = this.process.files.install(this.file);
    this.page = this.memory.allocate(4096);
  }

  get driver(): FakeDriver {
    return this.device.data;
  }

  /** Writes `bytes` at `address`, calls the ioctl, and returns its result. */
  ioctl(command: number, bytes: Uint8Array, address = this.page): number {
    this.memory.write(address, bytes);
    return this.process.ioctl(this.fd, command, address);
  }

  /** VFIO_DEVICE_FEATURE with `data` behind the header. */
  feature(flags: number, data: Uint8Array = new Uint8Array(0), argsz = 8 + data.length, address = this.page): number {
    return this.ioctl(VFIO.DEVICE_FEATURE, join(u32(argsz, flags), data), address);
  }

  /** A page that can be read and not written, holding `bytes`; `device`: registers, which nobody may write either. */
  lockedPage(bytes: Uint8Array, device = false): number {
    const backing: Backing = {
      load: (offset, into) => {
        into.set(bytes.subarray(offset, offset + into.length));
        return true;
      },
      store: () => {
        throw new Error('written');
      },
      physical: () => 0,
    };
    return this.memory.map(backing, 0, 4096, { read: true, write: device, device });
  }

  /** The u32 that stands `offset` bytes behind the start of the argument page. */
  u32(offset: number): number {
    return this.view(offset, 4).getUint32(0, true);
  }

  s32(offset: number): number {
    return this.view(offset, 4).getInt32(0, true);
  }

  u64(offset: number): bigint {
    return this.view(offset, 8).getBigUint64(0, true);
  }

  /** MIG_DEVICE_STATE SET; `fd` is data_fd as it came back. */
  setState(state: number): { ret: number; echoed: number; fd: number } {
    const ret = this.feature(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.SET, u32(state, 0x1234));
    return { ret, echoed: this.u32(8), fd: this.s32(12) };
  }

  /** MIG_DEVICE_STATE GET. */
  getState(): number {
    const ret = this.feature(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.GET, u32(0xff, 0x1234));
    return ret < 0 ? ret : this.u32(8);
  }

  private view(offset: number, length: number): DataView {
    return new DataView(this.memory.read(this.page + offset, length)!.buffer);
  }
}

/** Little-endian u32 values in a row. */
export function u32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
}

/** Little-endian u64 values in a row. */
export function u64(...values: (number | bigint)[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setBigUint64(i * 8, BigInt(value), true);
  return bytes;
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
