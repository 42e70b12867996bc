/** User mappings of BARs, and zapping them (vfio_pci_core.c: vfio_pci_zap_bars, vfio_pci_mmap_huge_fault). */
import { moveBytes } from '../../sim/pci/move-bytes.ts';
import type { Backing } from '../kernel/file.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { __vfio_pci_memory_enabled } from './memory-enabled.ts';

/** All mappings of one device share an address space, so that they go at once. */
export class BarMappings {
  private readonly present = new Set<BarMapping>();

  /** Removes every page from every process: the next touch faults. */
  zap(): void {
    for (const mapping of this.present) mapping.isPresent = false;
    this.present.clear();
  }
  /** Mappings with pages in them. */
  get size(): number {
    return this.present.size;
  }

  add(mapping: BarMapping): void {
    mapping.isPresent = true;
    this.present.add(mapping);
  }
  remove(mapping: BarMapping): void {
    this.present.delete(mapping);
  }
}

/** What backs a mapping of a BAR: no width rule and no MSI-X exclusion; disabled memory is SIGBUS. */
export class BarMapping implements Backing {
  /** Page table entries exist. */
  isPresent = false;
  private readonly core: VfioPciCoreDevice;
  private readonly bar: number;
  private readonly start: number;

  /** Maps BAR `bar` from byte `start` on. */
  constructor(core: VfioPciCoreDevice, bar: number, start: number) {
    this.core = core;
    this.bar = bar;
    this.start = start;
  }

  load(offset: number, into: Uint8Array): boolean {
    if (!this.isPresent && !this.fault()) return false;
    this.access(offset, into, false);
    return true;
  }

  store(offset: number, bytes: Uint8Array): boolean {
    if (!this.isPresent && !this.fault()) return false;
    this.access(offset, bytes, true);
    return true;
  }

  physical(offset: number): number | undefined {
    if (!this.isPresent && !this.fault()) return undefined;
    return this.core.pdev.resources[this.bar]!.start + this.start + offset;
  }

  closed(): void {
    this.core.mappings.remove(this);
  }

  /** A page fault: SIGBUS in low power or with memory disabled, and while a reset holds the lock (which would block). */
  fault(): boolean {
    const { core } = this;
    if (core.memoryLock.locked || core.power.engaged || !__vfio_pci_memory_enabled(core)) return false;
    core.mappings.add(this);
    return true;
  }

  /** The rest of a page behind a small BAR belongs to nobody: reads all ones. */
  private access(offset: number, bytes: Uint8Array, write: boolean): void {
    const { pdev } = this.core;
    const at = this.start + offset;
    const inside = Math.max(0, Math.min(bytes.length, pdev.resources[this.bar]!.length - at));
    if (inside > 0)
      moveBytes(pdev.function, this.bar, at, inside === bytes.length ? bytes : bytes.subarray(0, inside), write);
    if (!write && inside < bytes.length) bytes.fill(0xff, inside);
  }
}
