/**
 * The confinement monitor: listens at the fabric and at the parents, and holds what it hears against what each tenant
 * asked for. It changes nothing.
 */
import type { DmaEvent, InterruptEvent, PeerEvent } from '../../sim/fabric.ts';
import { PAGE_MASK, PAGE_SIZE } from '../../sim/memory.ts';
import type { PciFunction } from '../../sim/pci/function.ts';
import type { ParentEvent } from '../variant/interaction.ts';
import type { Inside } from './profiles/profile.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

/** Changes a VF makes to itself. */
const OWN_DOING = new Set(['job', 'register', 'reset']);

/** The monitor of one run; it reports to its world. */
export class Monitor {
  private readonly world: World;
  private readonly dirty = new Map<Tenant, Set<number>>();
  /** The message under way: set just before its handler runs. */
  private message: { fn: PciFunction; vector: number } | undefined;
  /** Interactions under way, innermost last. */
  private readonly calls: { subject: string; interaction: string; digest: Uint8Array | undefined }[] = [];
  readonly inside: Inside;

  constructor(world: World, inside: Inside, watching: boolean) {
    this.world = world;
    this.inside = inside;
    const { events } = world.machine.hardware.fabric;
    events.on('reset', ({ target }) => this.resets.set(target, this.resetsOf(target) + 1));
    if (watching) this.watch();
  }

  private watch(): void {
    const { machine, tenants } = this.world;
    const { events } = machine.hardware.fabric;
    events.on('dma', (event) => this.onDma(event));
    events.on('peer', (event) => this.onPeer(event));
    events.on('interrupt', (event) => this.onInterrupt(event));
    this.inside.onTouch((partition, what) => this.onTouch(partition, what));
    machine.observers.observer = (event) => this.onParent(event);
    for (const tenant of tenants)
      for (const [index, { file }] of tenant.events.entries())
        file.listen((kind) => {
          if (kind === 'signal') this.onSignal(tenant, index);
        });
  }

  /** How often a function has been reset. */
  resetsOf(fn: PciFunction): number {
    return this.resets.get(fn) ?? 0;
  }
  private readonly resets = new Map<PciFunction, number>();

  /** From now on every page the tenant's device writes is remembered. */
  beginLog(tenant: Tenant): void {
    this.dirty.set(tenant, new Set());
  }

  /** Pages written since the last call. */
  takeDirty(tenant: Tenant): number[] {
    const set = this.dirty.get(tenant);
    if (set === undefined) return [];
    const pages = [...set];
    set.clear();
    return pages;
  }

  private owner(fn: PciFunction): Tenant | undefined {
    const { a, b } = this.world;
    return a.fn === fn ? a : b.fn === fn ? b : undefined;
  }

  /** Whose memory a host driver's device may use. */
  private kernelOwner(fn: PciFunction): string {
    if (this.lastHost !== fn) {
      this.lastHost = fn;
      this.lastOwner = `kernel:${fn.name}`;
    }
    return this.lastOwner;
  }
  private lastHost: PciFunction | undefined;
  private lastOwner = '';

  private onDma({ requester, iova, physical, length, write }: DmaEvent): void {
    const tenant = this.owner(requester);
    // The words are made only when they are needed: this runs for every memory request.
    const say = (text: string): void => {
      const what = `${requester.name} ${write ? 'writes' : 'reads'} ${length} bytes at IOVA ${iova.toString(16)}`;
      this.world.violate('DMA confinement', `${what}${text}`);
    };
    if (tenant === undefined) {
      const owner = this.world.machine.hardware.memory.owner(physical);
      if (owner !== this.kernelOwner(requester)) say(`: memory of ${owner}`);
      return;
    }
    let at = iova;
    while (at < iova + length) {
      const mapping = tenant.shadow.at(at);
      if (mapping === undefined || !(mapping.flags & (write ? 2 : 1)))
        return say(`, which tenant ${tenant.name} has not mapped for that`);
      at = mapping.start + mapping.length;
    }
    const expected = tenant.shadow.at(iova)!;
    const run = tenant.process.memory.pin(expected.vaddr + iova - expected.start, 1, false)?.[0];
    if (run?.physical !== physical) say(`: another page than tenant ${tenant.name} mapped`);
    if (write && this.dirty.has(tenant))
      for (let page = iova - (iova & PAGE_MASK); page < iova + length; page += PAGE_SIZE)
        this.dirty.get(tenant)!.add(page);
  }

  private onPeer({ requester, target, bar, offset }: PeerEvent): void {
    this.world.violate(
      'DMA confinement',
      `${requester.name} reaches BAR ${bar} of ${target.name} at ${offset.toString(16)}`,
    );
  }

  private onInterrupt({ requester, vector }: InterruptEvent): void {
    if (vector.requesterId !== requester.aliasId)
      this.world.violate('interrupt confinement', `${requester.name} raises a vector of another function`);
    this.message = { fn: requester, vector: vector.index };
  }

  private onSignal(tenant: Tenant, index: number): void {
    if (this.world.cause === tenant) return;
    const message = this.message;
    this.message = undefined;
    const say = (text: string): void =>
      this.world.violate('interrupt confinement', `eventfd ${index} of tenant ${tenant.name} is signalled ${text}`);
    if (tenant.fn === undefined) {
      // An emulated device interrupts inside the call of its own user.
      if (this.world.actor !== tenant.name) say(`by what ${this.world.actor} does`);
      else if (!tenant.armed.includes(index)) say('though nothing is armed with it');
    } else if (message === undefined) say('without an interrupt');
    else if (message.fn !== tenant.fn) say(`by ${message.fn.name}`);
    else if (tenant.pending === 0 && !tenant.armed.includes(index)) say('though no vector is armed with it');
  }

  private onParent(event: ParentEvent): void {
    if (event.phase === 'enter') {
      const tenant = event.interaction === 'load' ? this.subject(event.subject) : undefined;
      const digest = tenant && this.inside.digest(tenant);
      this.calls.push({ subject: event.subject, interaction: event.interaction, digest });
      return;
    }
    const call = this.take(event);
    if (call?.digest === undefined || typeof event.result !== 'number' || event.result >= 0) return;
    if (Buffer.compare(call.digest, this.inside.digest(this.subject(event.subject)!)) !== 0)
      this.world.violate('stream robustness', 'a refused image has changed the device');
  }

  private subject(bdf: string): Tenant | undefined {
    return this.world.tenants.find((tenant) => tenant.bdf === bdf);
  }

  /** The call that ends: mostly the one that began last. */
  private take({ subject, interaction }: ParentEvent): (typeof this.calls)[number] | undefined {
    const { calls } = this;
    const last = calls.at(-1);
    if (last?.subject === subject && last.interaction === interaction) return calls.pop();
    const at = calls.findLastIndex((call) => call.subject === subject && call.interaction === interaction);
    return at < 0 ? undefined : calls.splice(at, 1)[0];
  }

  /** While an interaction for one VF is under way, no other VF's partition may change. */
  private onTouch(partition: string, what: string): void {
    // What a VF does by itself (its engine, its own registers, its reset) is no effect of a command.
    if (partition === 'pf' || this.calls.length === 0 || OWN_DOING.has(what)) return;
    for (const call of this.calls) {
      const tenant = this.subject(call.subject);
      if (tenant !== undefined && partition === `vf${tenant.fn?.vf}`) return;
    }
    const call = this.calls.at(-1)!;
    this.world.violate(
      'parent-interaction scope',
      `${call.interaction} for ${call.subject} changes ${what} of ${partition}`,
    );
  }
}
