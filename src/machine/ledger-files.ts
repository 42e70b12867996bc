/** What open files hold, for the ledger: containers, iommufds, eventfds, dma-bufs, data files. Each is counted once. */
import type { Context } from '../iommufd/context.ts';
import { FaultQueue } from '../iommufd/fault-queue.ts';
import { IommufdFile } from '../iommufd/file.ts';
import { Hwpt } from '../iommufd/hwpt.ts';
import { Ioas } from '../iommufd/ioas.ts';
import { EventFd } from '../kernel/eventfd.ts';
import { DmaBuf } from '../pci-core/dma-buf.ts';
import { type ContainerLike, VfioContainer } from '../vfio/container.ts';
import { DataFile } from '../vfio/migration/data-fd.ts';
import { Type1 } from '../vfio/type1/type1.ts';

/** Sums over all files of a kind. */
const KINDS = {
  consumers: 'eventfds: consumers',
  importers: 'dma-bufs: importers',
  dataHolders: 'data files: holders',
  groups: 'containers: groups',
  backends: 'containers: IOMMUs',
  dmas: 'type1: mappings',
  available: 'type1: mappings left',
  mapped: 'type1: in the page tables',
  invalid: 'type1: without an address',
  domains: 'type1: domains',
  domainGroups: 'type1: groups',
  domainMappings: 'type1: runs in the page tables',
  pinned: 'type1: pages of emulated devices',
  bitmaps: 'type1: dirty bitmaps',
  tracking: 'type1: tracking',
  contexts: 'iommufds',
  holders: 'iommufds: holders',
  bound: 'iommufds: devices',
  boundGroups: 'iommufds: groups',
  compat: 'iommufds: compatibility IOAS',
  objects: 'iommufds: objects',
  users: 'iommufds: users of objects',
  areas: 'iommufds: mappings',
  held: 'iommufds: mappings with pages held',
  accesses: 'iommufds: pins of kernel users',
  locks: 'iommufds: locks of mappings',
  tables: 'iommufds: page tables',
  tableMappings: 'iommufds: runs in the page tables',
  reserved: 'iommufds: reserved ranges',
  allowed: 'iommufds: allowed ranges',
  faults: 'iommufds: faults',
} as const;

type Kind = keyof typeof KINDS;

export class FileLedger {
  private readonly ledger: Record<string, number>;
  private readonly seen = new Set<object>();
  private readonly sums = zeros();

  constructor(ledger: Record<string, number>) {
    this.ledger = ledger;
  }

  add(file: object): void {
    if (this.seen.has(file)) return;
    if (file instanceof IommufdFile) this.addContext(file.context);
    else if (file instanceof VfioContainer) this.addContainer(file);
    else if (file instanceof EventFd) this.sums.consumers += file.consumers;
    else if (file instanceof DmaBuf) this.sums.importers += file.importers;
    else if (file instanceof DataFile) this.sums.dataHolders += file.holderCount;
    this.seen.add(file);
  }

  addContainer(container: ContainerLike): void {
    if (!(container instanceof VfioContainer) || this.seen.has(container)) return;
    this.seen.add(container);
    const { sums } = this;
    sums.groups += container.groups.length;
    if (container.backend === undefined) return;
    sums.backends++;
    if (container.backend instanceof Type1) this.addType1(container.backend);
  }

  addContext(context: Context): void {
    if (this.seen.has(context)) return;
    this.seen.add(context);
    const { sums } = this;
    sums.contexts++;
    sums.holders += context.holderCount;
    sums.bound += context.boundDevices;
    sums.boundGroups += context.groupCount;
    if (context.vfioIoas !== undefined) sums.compat++;
    sums.objects += context.objects.size;
    for (const object of context.objects.live) {
      sums.users += object.users;
      if (object instanceof Ioas) this.addIoas(object);
      else if (object instanceof Hwpt) sums.tableMappings += object.domain.mappings.size;
      else if (object instanceof FaultQueue) sums.faults += object.waiting.length + object.unanswered;
    }
  }

  /** Puts the sums into the ledger. */
  finish(): void {
    for (const kind in KINDS) this.ledger[KINDS[kind as Kind]] = this.sums[kind as Kind];
  }

  private addType1({ state }: Type1): void {
    const { sums } = this;
    const { all } = state.mappings;
    sums.dmas += all.length;
    sums.available += state.mappings.available;
    sums.invalid += state.mappings.invalid;
    if (state.tracking) sums.tracking++;
    for (const dma of all) {
      if (dma.mapped) sums.mapped++;
      if (dma.dirty !== undefined) sums.bitmaps++;
      sums.pinned += dma.pinned.size;
    }
    for (const { domain, groups } of state.domains) {
      sums.domains++;
      sums.domainGroups += groups.size;
      sums.domainMappings += domain.mappings.size;
    }
    sums.domainGroups += state.emulated.size;
  }

  private addIoas({ table }: Ioas): void {
    const { sums } = this;
    sums.areas += table.areas.all.length;
    sums.tables += table.tables.length;
    sums.reserved += table.reserved.all.length;
    sums.allowed += table.reserved.allowed.length;
    for (const area of table.areas.all) {
      if (area.hold !== undefined) sums.held++;
      sums.accesses += area.accesses.length;
      sums.locks += area.locks;
    }
  }
}

function zeros(): Record<Kind, number> {
  const sums = {} as Record<Kind, number>;
  for (const kind in KINDS) sums[kind as Kind] = 0;
  return sums;
}
