/** mlx5_core on one PF: brings the card up, carries commands, and tells VFs' drivers what happens to them. */
import { Oops } from '../../../src/kernel/oops.ts';
import type { PciDevice } from '../../../src/kernel/pci/device.ts';
import type { DmaBuffer } from '../../../src/kernel/pci/dma-buffer.ts';
import type { Task } from '../../../src/kernel/sleep.ts';
import { ERRNO } from '../../../src/uapi/errno.ts';
import { type HcaCapabilities, queryHcaCapabilities } from './capabilities.ts';
import { CommandQueue } from './command-queue.ts';
import { MigrationCommands } from './migration-commands.ts';
import { enableMsix, type MsixVectors } from './msix.ts';
import { ObjectCommands } from './object-commands.ts';
import { QueueCommands } from './queue-commands.ts';
import { be32, ISEG } from './registers.ts';
import { TrackerCommands } from './tracker-commands.ts';

/** What the sriov notifier chain of a VF carries (include/linux/mlx5/driver.h: MLX5_PF_NOTIFY_*). */
export type VfEvent = 'enable' | 'disable';
/** A listener may sleep: the chain is a blocking one. */
export type VfListener = (event: VfEvent) => Task<void>;
/** An asynchronous event of the card: its type, and the number of the queue or object it concerns. Never sleeps. */
export type AsyncListener = (type: number, number: number) => void;

const PCI_COMMAND = 0x04;
const BUS_MASTER = 0x0004;
const NANOSECONDS_PER_MS = 1_000_000;
/** FW_INIT_TIMEOUT: how often the initializing bit is looked at, 2 ms apart. */
const INIT_POLLS = 1000;

/** What a loaded card offers; gone when it is unloaded. */
interface Loaded {
  readonly queue: CommandQueue;
  readonly vectors: MsixVectors;
  readonly capabilities: HcaCapabilities;
  readonly migration: MigrationCommands;
  readonly objects: ObjectCommands;
  readonly queues: QueueCommands;
  readonly trackers: TrackerCommands;
}

export class Mlx5Core {
  readonly device: PciDevice;
  private readonly vfListeners = new Map<number, Set<VfListener>>();
  private readonly asyncListeners = new Set<AsyncListener>();
  private readonly completionListeners = new Set<() => void>();
  private loaded: Loaded | undefined;

  constructor(device: PciDevice) {
    this.device = device;
  }

  /** MLX5_INTERFACE_STATE_UP */
  get up(): boolean {
    return this.loaded !== undefined;
  }

  /** The parts of a card that is up. Asking for them before is a fault of the emulator. */
  get hca(): Loaded {
    if (this.loaded === undefined) throw new Oops(`${this.device.name}: mlx5_core is not up`);
    return this.loaded;
  }

  /** mlx5_load_one: 0, or a negated errno. */
  *load(): Task<number> {
    const { device } = this;
    device.writeConfig(PCI_COMMAND, 2, device.readConfig(PCI_COMMAND, 2) | BUS_MASTER);
    const bar = device.bar(0);
    for (let polls = 0; (be32(bar.read(ISEG.INITIALIZING, 4)) & 0x8000_0000) !== 0; polls++) {
      if (polls === INIT_POLLS) return -ERRNO.ETIMEDOUT;
      yield 2 * NANOSECONDS_PER_MS;
    }
    const queue = new CommandQueue(device, bar);
    const vectors = enableMsix(device, [
      () => queue.interrupt(),
      () => this.drainEvents(),
      () => {
        for (const listener of [...this.completionListeners]) listener();
      },
    ]);
    if (vectors === undefined) {
      queue.free();
      return -ERRNO.ENOSPC;
    }
    const capabilities = yield* queryHcaCapabilities(queue);
    if (typeof capabilities === 'number') {
      vectors.free();
      queue.free();
      return capabilities;
    }
    this.loaded = {
      queue,
      vectors,
      capabilities,
      migration: new MigrationCommands(queue),
      objects: new ObjectCommands(queue),
      queues: new QueueCommands(queue),
      trackers: new TrackerCommands(queue),
    };
    return 0;
  }

  /** mlx5_unload_one: commands in flight end with EIO. */
  unload(): void {
    const { loaded, device } = this;
    if (loaded === undefined) return;
    this.loaded = undefined;
    loaded.queue.abort();
    loaded.vectors.free();
    device.writeConfig(PCI_COMMAND, 2, device.readConfig(PCI_COMMAND, 2) & ~BUS_MASTER);
    loaded.queue.free();
  }

  /** mlx5_sriov_detach: the PF takes its VFs out of service, e.g. for recovery; their drivers let go first. */
  *detachVfs(): Task<void> {
    for (const vf of [...this.vfListeners.keys()]) yield* this.notify(vf, 'disable');
  }

  /** mlx5_sriov_attach. */
  *attachVfs(): Task<void> {
    for (const vf of [...this.vfListeners.keys()]) yield* this.notify(vf, 'enable');
  }

  /** mlx5_sriov_blocking_notifier_register; returns the way to unregister. `vf` counts from 0. */
  onVfEvent(vf: number, listener: VfListener): () => void {
    const listeners = this.vfListeners.get(vf) ?? new Set();
    this.vfListeners.set(vf, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** mlx5_eq_notifier_register. */
  onAsyncEvent(listener: AsyncListener): () => void {
    this.asyncListeners.add(listener);
    return () => this.asyncListeners.delete(listener);
  }

  /** Completion queues share one vector; whoever listens looks at its own queue. */
  onCompletion(listener: () => void): () => void {
    this.completionListeners.add(listener);
    return () => this.completionListeners.delete(listener);
  }

  /** Kernel pages the PF reaches by DMA: never a user's pages. Not zeroed, as alloc_pages leaves them. */
  allocatePages(length: number): DmaBuffer {
    return this.device.allocateDma(length, false);
  }

  private *notify(vf: number, event: VfEvent): Task<void> {
    for (const listener of [...(this.vfListeners.get(vf) ?? [])]) yield* listener(event);
  }

  private drainEvents(): void {
    const bar = this.device.bar(0);
    for (let event = be32(bar.read(ISEG.ASYNC_EVENT, 4)); event !== 0; event = be32(bar.read(ISEG.ASYNC_EVENT, 4)))
      for (const listener of [...this.asyncListeners]) listener(event >>> 24, event & 0xff_ffff);
  }
}
