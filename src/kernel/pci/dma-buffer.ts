/** Memory that a host driver shares with its device: what dma_alloc_coherent and dma_map_page give. */
import type { Domain, IovaMapping } from '../../../sim/iommu/domain.ts';
import type { Extent, PhysicalMemory } from '../../../sim/memory.ts';
import { Oops } from '../../../sim/oops.ts';

/** Memory of the kernel that the device can reach: what dma_alloc_coherent gives. */
export interface DmaBuffer {
  /** The address the device uses. */
  readonly iova: number;
  readonly length: number;
  /** Reading and writing outside of it, or when it is free, is an {@link Oops}. */
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
    if (offset + into.length > this.length || !this.memory.load(this.extent, offset, into))
      this.wild(offset, into.length);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (offset + bytes.length > this.length || !this.memory.store(this.extent, offset, bytes))
      this.wild(offset, bytes.length);
  }

  free(): void {
    this.domain?.mappings.remove(this.mapping);
    this.memory.free(this.extent);
  }

  /** What KASAN would report: memory that is not the driver's any more, or never was. */
  private wild(offset: number, length: number): never {
    const { owner, freed } = this.extent;
    if (freed) throw new Oops(`memory of ${owner} is used after it was freed`);
    throw new Oops(`${offset} + ${length} lies outside ${this.length} bytes of ${owner}`);
  }
}
