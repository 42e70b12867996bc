/** MSI and MSI-X vectors handed to a user as eventfds (vfio_pci_intrs.c: vfio_msi_*). */
import { type EventFd, eventfdOf } from '../../kernel/eventfd.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_IRQ } from '../../uapi/vfio.ts';
import type { VfioPciCoreDevice } from '../core-device.ts';
import { enableMsi } from '../host-msi.ts';
import { enableMsix } from '../host-msix.ts';
import type { HostVectors } from '../host-vectors.ts';
import { withMemoryDecode } from '../memory-window.ts';

/** MSI or MSI-X of one device, once a user set it up. */
export class Messages {
  private readonly core: VfioPciCoreDevice;
  private host: HostVectors | undefined;
  /** Armed vectors. */
  private readonly triggers = new Map<number, EventFd>();

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
  }

  /** Vectors that an eventfd is behind. */
  get armed(): number {
    return this.triggers.size;
  }

  /** vfio_msi_enable: 0; the positive number of vectors available if `count` are not; or a negated errno. */
  enable(count: number, index: number): number {
    const { core } = this;
    const msix = index === PCI_IRQ.MSIX;
    const host = withMemoryDecode(core, () => (msix ? enableMsix : enableMsi)(core.pdev, count));
    if (typeof host === 'number') return host;
    this.host = host;
    core.irqs.type = index;
    if (!msix) core.msiQmax = Math.ceil(Math.log2(count));
    return 0;
  }

  /** vfio_msi_disable. Dynamically allocated vectors go here too. */
  disable(): void {
    const { core } = this;
    for (const vector of [...this.triggers.keys()]) this.release(vector);
    withMemoryDecode(core, () => this.host!.shutdown());
    this.host = undefined;
    core.irqs.type = PCI_IRQ.NUM;
  }

  /** vfio_msi_set_block: on failure every vector up to the failing one is disarmed, also if it worked before. */
  setBlock(caller: Process, start: number, fds: readonly number[]): number {
    for (let i = 0; i < fds.length; i++) {
      const result = this.setSignal(caller, start + i, fds[i]!);
      if (result >= 0) continue;
      for (let done = start; done <= start + i; done++) this.release(done);
      return result;
    }
    return 0;
  }

  /** vfio_msi_set_vector_signal: a negative fd disarms. What was there goes first, whatever comes of the rest. */
  setSignal(caller: Process, vector: number, fd: number): number {
    const host = this.host!;
    this.release(vector);
    if (fd < 0) return 0;
    if (!host.has(vector)) {
      const result = this.core.hasDynMsix ? host.allocateAt(vector) : -ERRNO.EINVAL;
      if (result < 0) return result;
    }
    // The context, its place and its name. A vector that was allocated for it stays until the index is disabled.
    const { allocation } = caller.faults;
    if (allocation.fails() || allocation.fails() || allocation.fails()) return -ERRNO.ENOMEM;
    const trigger = eventfdOf(caller, fd);
    if (typeof trigger === 'number') return trigger;
    // request_irq
    if (allocation.fails()) return -ERRNO.ENOMEM;
    this.triggers.set(vector, trigger);
    withMemoryDecode(this.core, () => host.request(vector, () => trigger.signal()));
    return 0;
  }

  /** Signals an armed vector, as if its message had come. */
  signal(vector: number): void {
    this.triggers.get(vector)?.signal();
  }

  private release(vector: number): void {
    if (!this.triggers.delete(vector)) return;
    withMemoryDecode(this.core, () => this.host!.release(vector));
  }
}
