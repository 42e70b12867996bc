/** The account of pins: every page that is reached or held has one, and none is left when nobody does. */
import type { Extent, PhysicalMemory } from '../../../sim/memory.ts';
import { DMA_CONFINEMENT } from '../properties/dma-confinement.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import type { Bench } from './bench.ts';

export class Ledger {
  private readonly memory: PhysicalMemory;
  private readonly held = new Set<Extent>();
  private lost: number | undefined;
  private last: Extent | undefined;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
  }

  /** Somebody reaches the page. */
  pin(physical: number): void {
    const { last } = this;
    if (last !== undefined && physical >= last.start && physical < last.start + last.length) return;
    const extent = this.memory.extents.at(physical);
    if (extent === undefined) this.lost = physical;
    else this.held.add(extent);
    this.last = extent;
  }

  /** What the memory itself says; undefined: the same. */
  differs({ process, helper }: Bench): readonly [property: string, text: string] | undefined {
    if (this.lost !== undefined)
      return [DMA_CONFINEMENT.name, `page ${this.lost.toString(16)} is reached and has been given back`];
    for (const extent of this.held)
      if (extent.pins <= 0)
        return [DMA_CONFINEMENT.name, `page ${extent.start.toString(16)} is reached and not pinned`];
    for (const extent of this.memory.extents.items)
      if (extent.pins < 0)
        return [DMA_CONFINEMENT.name, `page ${extent.start.toString(16)} is let go more often than held`];
    for (const extent of this.memory.extents.items)
      if (
        extent.pins !== 0 &&
        (extent.owner === process.name || extent.owner === helper.name) &&
        !this.held.has(extent)
      )
        return [RESOURCE_BOUND.name, `page ${extent.start.toString(16)} is pinned ${extent.pins} times for nobody`];
    return undefined;
  }
}
