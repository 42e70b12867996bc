/** Dirty-tracking soundness: every page the device wrote while logging was on is reported. */
import { PAGE_MASK, PAGE_SIZE } from '../../../sim/memory.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const DIRTY_TRACKING_SOUNDNESS: Property = {
  name: 'dirty-tracking soundness',
  promise: 'Every page the device wrote while logging was on is reported.',
  observes: 'Writes of the device at the fabric, and the bitmaps that the tenant is given.',
  allows: ['a page that is reported and was not written', 'pages outside the range that is asked for'],
  needs: ['dma', 'logging'],
};

export class DirtyTrackingSoundness implements Check {
  readonly property = DIRTY_TRACKING_SOUNDNESS;
  private readonly world: World;
  private readonly dirty = new Map<Tenant, Set<number>>();

  constructor(world: World) {
    this.world = world;
  }

  /** From now on every page the tenant's device writes is remembered. */
  begin(tenant: Tenant): void {
    this.dirty.set(tenant, new Set());
  }

  /** The device wrote. */
  wrote(tenant: Tenant, iova: number, length: number): void {
    const pages = this.dirty.get(tenant);
    if (pages === undefined) return;
    for (let page = iova - (iova & PAGE_MASK); page < iova + length; page += PAGE_SIZE) pages.add(page);
  }

  /** A bitmap for [iova, iova + length) was handed out, a bit a page; what it tells is told. */
  reported(tenant: Tenant, iova: number, length: number, bitmap: Uint8Array): void {
    const pages = this.dirty.get(tenant);
    if (pages === undefined) return;
    for (const page of pages) {
      const bit = (page - iova) / PAGE_SIZE;
      if (bit >= 0 && bit < length / PAGE_SIZE && !(bitmap[bit >> 3]! & (1 << (bit & 7))))
        this.world.violate(DIRTY_TRACKING_SOUNDNESS.name, `page ${page.toString(16)} was written and is not reported`);
    }
    pages.clear();
  }
}
