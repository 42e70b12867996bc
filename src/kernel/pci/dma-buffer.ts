/** Memory that a host driver shares with its device: what dma_alloc_coherent and dma_map_page give. */
import type { Domain, IovaMapping } from '../../../sim/iommu/domain.ts';
import type { Extent, PhysicalMemory } from '../../../sim/memory.ts';

/** Memory of the kernel that the device can reach: what dma_alloc_coherent gives. */
export interface DmaBuffer {
  /** The address the device uses. */
  readonly iova: number;
  readonly length: number;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, bytes: Uint8Array): void;
  free(): void;
}

/** Whole pages, mapped at their own address; without an IOMMU, and so without a domain, that is the physical one. */
export class MappedExtent implements DmaBuffer {
  readonly iova: number;
  readonly length: number;
  private readonly memory: PhysicalMemory;
  private readonly extent: Extent;
  private readonly domain: Domain | undefined;
  private readonly mapping: IovaMapping;

  constructor(memory: PhysicalMemory, extent: Extent, length: number, domain: Domain | undefined) {
    const { start } = extent;
    this.iova = start;
    this.length = length;
    this.memory = memory;
    this.extent = extent;
    this.domain = domain;
    this.mapping = { start, length: extent.length, physical: start, read: true, write: true };
    domain?.map(this.mapping);
  }

  read(offset: number, into: Uint8Array): void {
    this.memory.load(this.extent, offset, into);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.memory.store(this.extent, offset, bytes);
  }

  free(): void {
    this.domain?.mappings.remove(this.mapping);
    this.memory.free(this.extent);
  }
}
