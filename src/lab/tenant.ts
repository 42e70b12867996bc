/** A process that owns an assigned device, and what the lab knows of it: the model that generation and checks go by. */
import { type Interval, Intervals } from '../../sim/intervals.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import type { DeviceClient, LogRange } from '../client/device.ts';
import { Scratch } from '../client/scratch.ts';
import { EventFd } from '../kernel/eventfd.ts';
import type { OpenFile } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { MIG_STATE } from '../uapi/vfio.ts';
import { DataFile as MigrationFile } from '../vfio/migration/data-fd.ts';
import type { Bench } from './bench/bench.ts';
import { GuestLog } from './guest-log.ts';
import { PciState } from './pci/pci-state.ts';
import type { Assigned } from './profiles/profile.ts';
import { ContainerWay } from './ways/container.ts';
import { IoasWay } from './ways/ioas.ts';
import type { Way, WayKind } from './ways/way.ts';

/** What the tenant has mapped for DMA, by its own account. */
export interface ShadowMapping extends Interval {
  readonly vaddr: number;
  readonly flags: number;
}

/** A migration data file the tenant got. */
export interface DataFile {
  fd: number;
  readonly direction: 'save' | 'resume';
  /** The kernel's side of it. */
  readonly held: MigrationFile | undefined;
  /** Its session still runs. */
  alive: boolean;
  open: boolean;
  /** Bytes moved through it so far. */
  readonly bytes: Uint8Array[];
  /** After PRECOPY_INFO: bytes that may still come before anything else happens. */
  reported: number | undefined;
  ended: boolean;
  /** The lab knows whether the session runs; not after calls that ran beside each other. */
  certain: boolean;
  /** All bytes so far were kept, in order. */
  whole: boolean;
  /** Bytes that calls said they took. */
  taken: number;
  /** A stream was refused. */
  refused: boolean;
}

export const newDataFile = (fd: number, direction: DataFile['direction'], open?: OpenFile): DataFile => ({
  fd,
  direction,
  held: open instanceof MigrationFile ? open : undefined,
  alive: true,
  open: true,
  bytes: [],
  reported: undefined,
  ended: false,
  certain: true,
  whole: true,
  taken: 0,
  refused: false,
});

/** The tenant's memory: this many bytes, IOVA space chosen by its own calls. */
export const BUFFER_BYTES = 8 * 4096;
/** Room for the arguments of one call. */
export const SCRATCH_BYTES = 128 * 1024;
/** Vectors the lab arms at most. */
export const VECTORS = 4;

/** One tenant of a run, and what the lab knows of where it stands. */
export class Tenant {
  readonly name: 'A' | 'B';
  readonly process: Process;
  /** How it comes to its device. */
  readonly way: Way;
  /** The same, if it is by the group, or by the character device. */
  readonly container: ContainerWay | undefined;
  readonly ioas: IoasWay | undefined;
  /** Memory for the arguments of calls. */
  readonly scratch: Scratch;
  /** The device's name: a BDF or a UUID. */
  readonly bdf: string;
  /** The secret that goes with a PF and its VFs. */
  readonly token: Uint8Array | undefined;
  /** The hardware; none behind an emulated device. */
  readonly fn: PciFunction | undefined;
  /** What the profile keeps with the tenant. */
  readonly inner: unknown;
  readonly buffer: number;
  /** Memory for calls that are under way while others are made; made when first needed. */
  get spare(): Scratch {
    if (this.spareMemory === undefined) {
      this.spareMemory = new Scratch(this.process, SCRATCH_BYTES, true);
      this.scratches.push(this.spareMemory);
    }
    return this.spareMemory;
  }
  private spareMemory: Scratch | undefined;
  /** All of them. */
  readonly scratches: Scratch[];
  device: DeviceClient | undefined;
  readonly shadow = new Intervals<ShadowMapping>();
  readonly files: DataFile[] = [];
  /** State by the tenant's own account; undefined: cannot be known (a call is under way, or one failed oddly). */
  state: number | undefined = MIG_STATE.RUNNING;
  /** The device kept its migration state over a close, and lost the session that belongs to it. */
  orphaned = false;
  /** An IOVA that was mapped once, and is not any more. */
  unmapped: number | undefined;
  flags = 0;
  /** What each MSI-X vector signals: index into `events`, -1 none. */
  armed: number[] = new Array(VECTORS).fill(-1);
  readonly events: { fd: number; file: EventFd }[] = [];
  /** Jobs posted to each queue since it was set up. */
  readonly posted: number[] = [0, 0];
  logging: readonly LogRange[] | undefined;
  /** Logging was started or stopped beside other calls: it may be on. */
  loggingUnknown = false;
  /** Bytes of the pages that are told apart by it. */
  loggedPage = 4096;
  /** Logging as a virtual machine monitor does it; it takes turns with the above. */
  readonly guestLog = new GuestLog();
  /** The last stream read to its end. */
  stream: Uint8Array | undefined;
  /** The one read to its end before that. */
  older: Uint8Array | undefined;
  /** Every bit of the device when it was first opened. */
  asNew: Uint8Array = new Uint8Array(0);
  /** A stream that no device saved has gone in, or may have. */
  tainted = false;
  /** Calls under way: a call counts until the step in which it ends is over, because it ran beside what that step did. */
  pending = 0;
  /** Those of them that have ended. */
  ended = 0;
  /** The one under way is on the device itself, and not on a data file. */
  pendingOnDevice = false;
  /** Its device used memory since its state was asked for last, in a state in which it does not. */
  strayed = false;
  /** Its user asked for the flags of PRECOPY_INFO, until the device is closed. */
  optedIn = false;
  mmapped = 0;
  /** What is known of a PCI device of its own. */
  readonly pci = new PciState();
  /** What it plays with DMA mappings with, in subjects that are about them. */
  bench: Bench | undefined;

  constructor(name: 'A' | 'B', process: Process, device: Assigned, kind: WayKind) {
    const { name: bdf, fn, inner } = device;
    this.name = name;
    this.process = process;
    this.bdf = bdf;
    this.token = device.token;
    this.fn = fn;
    this.inner = inner;
    this.scratch = new Scratch(process, SCRATCH_BYTES, true);
    this.scratches = [this.scratch];
    this.ioas = kind === 'cdev' ? new IoasWay(process, this.scratch, device) : undefined;
    this.container = this.ioas ? undefined : new ContainerWay(process, this.scratch, device, kind);
    this.way = (this.ioas ?? this.container)!;
    this.buffer = process.memory.allocate(BUFFER_BYTES);
    for (let i = 0; i < VECTORS; i++) {
      const file = new EventFd();
      this.events.push({ fd: process.files.install(file), file });
    }
  }

  /** Opens the device (first time, or after a close). */
  openDevice(): number {
    const device = this.way.open();
    if (typeof device === 'number') return device;
    this.device = device;
    return device.fd;
  }

  /** The newest file of a direction whose descriptor is open. */
  file(direction: 'save' | 'resume', alive = true): DataFile | undefined {
    for (let i = this.files.length - 1; i >= 0; i--) {
      const file = this.files[i]!;
      if (file.open && file.direction === direction && file.alive === alive) return file;
    }
    return undefined;
  }

  /** A stream was read to its end. */
  keepStream(bytes: Uint8Array): void {
    this.older = this.stream;
    this.stream = bytes;
  }

  /** All sessions end: a reset, a close. */
  endSessions(): void {
    for (const file of this.files) file.alive = false;
  }
}
