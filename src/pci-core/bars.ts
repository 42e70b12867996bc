/** The BARs of a function as the driver holds them while open: mapped or not, and whether a user may map them. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import type { BarAccess } from '../kernel/pci/device.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

/** Number of standard BARs. */
export const NUM_BARS = 6;

/** The six BARs of one device, by index. */
export class Bars {
  /** barmap: 0 when mapped, else the errno that a read, write, mmap or ioeventfd answers. */
  readonly map: number[] = new Array(NUM_BARS).fill(-ERRNO.ENODEV);
  /** bar_mmap_supported. */
  readonly mmapSupported: boolean[] = new Array(NUM_BARS).fill(false);
  private readonly core: VfioPciCoreDevice;
  private readonly access: (BarAccess | undefined)[] = [];

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
  }

  /** At open (vfio_pci_core_map_bars): a BAR without resource stays ENODEV, one that cannot be reserved EBUSY. */
  open(): void {
    const { pdev } = this.core;
    for (let i = 0; i < NUM_BARS; i++)
      this.map[i] = pdev.resources[i]!.length > 0 ? pdev.requestRegion(i) : -ERRNO.ENODEV;
  }

  /** Whether the host gave the BAR to this driver: every way to its memory asks. 0, or why not. */
  reserved(index: number): number {
    return this.map[index] ?? -ERRNO.EINVAL;
  }

  /**
   * vfio_pci_probe_mmaps: memory BARs of a page or more; a smaller one only if it starts a page, the rest of which
   * then belongs to nobody else.
   */
  probeMmap(): void {
    for (let i = 0; i < NUM_BARS; i++) {
      const { start, length, io } = this.core.pdev.resources[i]!;
      this.mmapSupported[i] = !io && length > 0 && (length >= PAGE_SIZE || this.ownsPage(start, length));
    }
  }

  /** A user who maps the page gets all of it. */
  private ownsPage(start: number, length: number): boolean {
    return start % PAGE_SIZE === 0 && !this.core.pdev.sharesBus(start + length, start + PAGE_SIZE);
  }

  close(): void {
    this.map.fill(-ERRNO.ENODEV);
    this.mmapSupported.fill(false);
  }

  /** Registers of a BAR. */
  registers(index: number): BarAccess {
    this.access[index] ??= this.core.pdev.bar(index);
    return this.access[index];
  }
}

/** vfio_pci_core_get_iomap: the mapped BAR, or EINVAL (no such BAR), or why it is not mapped. */
export function vfio_pci_core_get_iomap(core: VfioPciCoreDevice, bar: number): BarAccess | number {
  if (bar < 0 || bar >= NUM_BARS) return -ERRNO.EINVAL;
  const error = core.bars.map[bar]!;
  return error < 0 ? error : core.bars.registers(bar);
}
