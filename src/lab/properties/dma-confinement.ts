/** DMA confinement: a device reaches exactly the memory its tenant has mapped at that moment. */
import type { DmaEvent, PeerEvent } from '../../../sim/fabric.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import type { Bench } from '../bench/bench.ts';
import type { BenchDevice } from '../bench/device.ts';
import { leave } from '../bench/end.ts';
import { reach } from '../bench/reach.ts';
import { hold } from '../bench/verdict.ts';
import { heldExport } from '../pci/held-export.ts';
import { memoryOn, memoryUnknown } from '../pci/memory-on.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { Check, Property } from './property.ts';

export const DMA_CONFINEMENT: Property = {
  name: 'DMA confinement',
  promise: 'A device reaches exactly the memory its tenant has mapped at that moment, and no peer device.',
  observes:
    'Every memory request at the fabric, held against the list of what the tenant mapped and unmapped by its own account; and after each call that maps or unmaps, what the IOMMU would translate for the device; and what a container or an address space tells of its ranges and page sizes.',
  allows: ['a request that is blocked', 'a host driver’s own device in the memory of that driver'],
  needs: ['mappings'],
};

const NAME = DMA_CONFINEMENT.name;

export class DmaConfinement implements Check {
  readonly property = DMA_CONFINEMENT;
  private readonly world: World;
  private lastHost: PciFunction | undefined;
  private lastOwner = '';

  constructor(world: World) {
    this.world = world;
  }

  watch(): void {
    const { events } = this.world.machine.hardware.fabric;
    events.on('dma', (event) => this.onDma(event));
    events.on('peer', (event) => this.onPeer(event));
  }

  /** Who plays with mappings leaves before the others judge. */
  judge(): void {
    for (const { bench } of this.world.tenants) if (bench !== undefined) leave(this.world, bench);
  }

  /** The tenant unmapped a range: the kernel's count must be the model's. */
  unmapped(result: number, expected: number): void {
    if (result !== expected) this.world.violate(NAME, `unmap reports ${result} bytes for ${expected} mapped`);
  }

  /** A group left its container while its device was open. */
  leftInUse(): void {
    this.world.violate(NAME, 'a group in use leaves its container');
  }

  /** A buffer was exported that is not, or not all, memory of the device. */
  exported(bar: number, page: number, pages: number): void {
    this.world.violate(NAME, `${pages} pages at page ${page} of BAR ${bar} are exported, which are not the device's`);
  }

  /** An importer attached that cannot let go of the memory, or cannot address it. */
  attachedFast(bar: number): void {
    this.world.violate(NAME, `an importer that cannot be told to let go attaches to BAR ${bar}`);
  }

  /** The device was closed, and by its own way of opening detached: nothing is translated for it any more. */
  closed({ fn }: Tenant): void {
    const { profile, machine } = this.world;
    if (profile.pci === undefined || profile.dma === undefined || profile.way !== 'cdev') return;
    const left = machine.hardware.fabric.iommu.domainOf(fn!.aliasId, undefined).mappings.items.length;
    if (left > 0) this.world.violate(NAME, `${left} mappings are left for ${fn!.name}, which nobody has open`);
  }

  /** The device fell asleep: nobody it was exported to may reach it any more. */
  asleep(tenant: Tenant): void {
    for (const held of tenant.pci.buffers)
      if (heldExport(tenant.process, held)?.physical() !== undefined)
        this.world.violate(NAME, `BAR ${held.bar} is left with those it is exported to`);
  }

  /** What is exported is reachable exactly while the device's memory is, and is the device's own. */
  after(tenant: Tenant): void {
    const { buffers } = tenant.pci;
    if (buffers.length === 0 || memoryUnknown(tenant)) return;
    const on = memoryOn(tenant);
    for (const held of buffers) {
      const exported = heldExport(tenant.process, held);
      const physical = exported?.physical();
      // What is exported from a sleeping device is reached when that is woken for a call (vfio_pci_dmabuf.c).
      if (tenant.pci.lowPower) continue;
      const due = on && !held.dead;
      if ((physical !== undefined) !== due && !(due && tenant.pci.woken))
        this.world.violate(NAME, `BAR ${held.bar} is ${on ? 'taken from' : 'left with'} those it is exported to`);
      if (physical === undefined) {
        if (held.detach !== undefined && !held.told)
          this.world.violate(NAME, `BAR ${held.bar} is taken away, and its importer not told`);
        continue;
      }
      const start = tenant.fn!.windows[held.bar];
      const size = tenant.fn!.template.bars[held.bar]?.size ?? 0;
      if (start === undefined || physical < start || physical + exported!.size > start + size)
        this.world.violate(NAME, `memory at ${physical.toString(16)} is exported as BAR ${held.bar}`);
    }
  }

  /** An emulated device was given another page than the one that is mapped there. */
  otherPage(iova: bigint): void {
    this.world.violate(NAME, `the page pinned at IOVA ${iova.toString(16)} is not the one that is mapped there`);
  }

  /** A request of the device was let through, or not, and the mappings say otherwise. */
  reached(device: string, iova: bigint, ok: boolean): void {
    this.world.violate(NAME, `${device} is ${ok ? '' : 'not '}let through at IOVA ${iova.toString(16)}`);
  }

  /** Bytes did not arrive where they belong. */
  misplaced(device: string, iova: bigint, write: boolean): void {
    this.world.violate(NAME, `${device} ${write ? 'writes' : 'reads'} other bytes at IOVA ${iova.toString(16)}`);
  }

  /** An address space tells other ranges than its devices leave it. */
  otherRanges(ioas: number): void {
    this.world.violate(NAME, `IOVA_RANGES of address space ${ioas} are not what its devices and page tables leave`);
  }

  /** An emulated device copied. */
  copied(result: number, expected: number): void {
    hold(this.world, 'vfio_dma_rw', result, expected);
  }

  /** What the IOMMU holds for the tenant's device must be what it mapped, page for page. */
  translations(tenant: Tenant): void {
    const { fn } = tenant;
    if (fn === undefined) return;
    const { iommu } = this.world.machine.hardware.fabric;
    const mappings = iommu.domainOf(fn.aliasId, undefined)?.mappings;
    if (mappings === undefined) return;
    const { shadow } = tenant;
    for (const { start, length, physical } of mappings.items) {
      const mapped = shadow.at(start);
      const say = (text: string): void =>
        this.world.violate(NAME, `the IOMMU maps ${start.toString(16)} for tenant ${tenant.name}, ${text}`);
      if (mapped === undefined || mapped.start + mapped.length < start + length) return say('which it has not mapped');
      const page = tenant.process.memory.pin(mapped.vaddr + start - mapped.start, 1, false)?.[0];
      if (page !== undefined && page.physical !== physical) return say('to another page than it mapped');
    }
    for (const { start, length } of shadow.items)
      for (const at of [start, start + length - 1])
        if (mappings.at(at) === undefined && this.expectsTranslation(tenant))
          return this.world.violate(NAME, `tenant ${tenant.name} mapped ${at.toString(16)}, the IOMMU does not`);
  }

  /** Whether everything mapped must be translated now: a device is attached to what it was mapped in. */
  private expectsTranslation(tenant: Tenant): boolean {
    return tenant.device !== undefined && tenant.pending === 0;
  }

  private onDma({ requester, iova, physical, length, write }: DmaEvent): void {
    const { a, b, machine } = this.world;
    const tenant = a.fn === requester ? a : b.fn === requester ? b : undefined;
    if (tenant === undefined) {
      const played = this.played(requester);
      if (played !== undefined) return this.onPlayed(played.bench, played.device, iova, physical, length, write);
      const owner = machine.hardware.memory.owner(physical);
      if (owner !== this.kernelOwner(requester)) this.say(requester, iova, length, write, `: memory of ${owner}`);
      return;
    }
    this.world.checks.roundTrip.memoryUsed(tenant);
    let at = iova;
    while (at < iova + length) {
      const mapping = tenant.shadow.at(at);
      if (mapping === undefined || !(mapping.flags & (write ? 2 : 1)))
        return this.say(requester, iova, length, write, `, which tenant ${tenant.name} has not mapped for that`);
      at = mapping.start + mapping.length;
    }
    const expected = tenant.shadow.at(iova)!;
    const run = tenant.process.memory.pin(expected.vaddr + iova - expected.start, 1, false)?.[0];
    if (run?.physical !== physical)
      this.say(requester, iova, length, write, `: another page than tenant ${tenant.name} mapped`);
    if (write) this.world.checks.dirty.wrote(tenant, iova, length);
  }

  /** The device of a bench that this is. */
  private played(requester: PciFunction): { readonly bench: Bench; readonly device: BenchDevice } | undefined {
    for (const { bench } of this.world.tenants) {
      const device = bench?.devices.find(({ fn }) => fn === requester);
      if (bench !== undefined && device !== undefined) return { bench, device };
    }
    return undefined;
  }

  private onPlayed(
    bench: Bench,
    device: BenchDevice,
    iova: number,
    physical: number,
    length: number,
    write: boolean,
  ): void {
    const found = reach(bench, device, BigInt(iova));
    if (found === undefined || !(write ? found.write : found.read))
      this.say(device.fn, iova, length, write, ', which is not mapped for that');
    else if (found.physical !== physical) this.say(device.fn, iova, length, write, ': another page than is mapped');
  }

  private say({ name }: PciFunction, iova: number, length: number, write: boolean, text: string): void {
    const what = `${name} ${write ? 'writes' : 'reads'} ${length} bytes at IOVA ${iova.toString(16)}`;
    this.world.violate(NAME, `${what}${text}`);
  }

  private onPeer({ requester, target, bar, offset }: PeerEvent): void {
    // A dma-buf of the tenant's own device, which it has mapped for another of its devices.
    const played = this.played(requester);
    if (played !== undefined && this.world.tenants.some(({ fn, bench }) => fn === target && bench === played.bench))
      return;
    this.world.violate(NAME, `${requester.name} reaches BAR ${bar} of ${target.name} at ${offset.toString(16)}`);
  }

  /** Whose memory a host driver's device may use. */
  private kernelOwner(fn: PciFunction): string {
    if (this.lastHost !== fn) {
      this.lastHost = fn;
      this.lastOwner = `kernel:${fn.name}`;
    }
    return this.lastOwner;
  }
}
