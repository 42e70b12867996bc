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
import type { Counts } from './ledger-names.ts';

export class FileLedger {
  private readonly counts: Counts;
  private readonly seen = new Set<object>();

  constructor(counts: Counts) {
    this.counts = counts;
  }

  add(file: object): void {
    if (this.seen.has(file)) return;
    if (file instanceof IommufdFile) this.addContext(file.context);
    else if (file instanceof VfioContainer) this.addContainer(file);
    else if (file instanceof EventFd) this.counts['eventfds: consumers'] += file.consumers;
    else if (file instanceof DmaBuf) this.counts['dma-bufs: importers'] += file.importers;
    else if (file instanceof DataFile) this.counts['data files: holders'] += file.holderCount;
    this.seen.add(file);
  }

  addContainer(container: ContainerLike): void {
    if (!(container instanceof VfioContainer) || this.seen.has(container)) return;
    this.seen.add(container);
    this.counts['containers: groups'] += container.groups.length;
    if (container.backend === undefined) return;
    this.counts['containers: IOMMUs']++;
    if (container.backend instanceof Type1) this.addType1(container.backend);
  }

  addContext(context: Context): void {
    if (this.seen.has(context)) return;
    this.seen.add(context);
    const { counts } = this;
    counts.iommufds++;
    counts['iommufds: holders'] += context.holderCount;
    counts['iommufds: devices'] += context.boundDevices;
    counts['iommufds: groups'] += context.groupCount;
    if (context.vfioIoas !== undefined) counts['iommufds: compatibility IOASes']++;
    counts['iommufds: objects'] += context.objects.size;
    for (const object of context.objects.live) {
      counts['iommufds: users of objects'] += object.users;
      if (object instanceof Ioas) this.addIoas(object);
      else if (object instanceof Hwpt) counts['iommufds: runs in the page tables'] += object.domain.mappings.size;
      else if (object instanceof FaultQueue) counts['iommufds: faults'] += object.waiting.length + object.unanswered;
    }
  }

  private addType1({ state }: Type1): void {
    const { counts } = this;
    const { all } = state.mappings;
    counts['type1: mappings'] += all.length;
    counts['type1: mappings left'] += state.mappings.available;
    counts['type1: without an address'] += state.mappings.invalid;
    if (state.tracking) counts['type1: tracking']++;
    for (const dma of all) {
      if (dma.mapped) counts['type1: in the page tables']++;
      if (dma.dirty !== undefined) counts['type1: dirty bitmaps']++;
      counts['type1: pages of emulated devices'] += dma.pinned.size;
    }
    for (const { domain, groups } of state.domains) {
      counts['type1: domains']++;
      counts['type1: groups'] += groups.size;
      counts['type1: runs in the page tables'] += domain.mappings.size;
    }
    counts['type1: groups'] += state.emulated.size;
  }

  private addIoas({ table }: Ioas): void {
    const { counts } = this;
    counts['iommufds: mappings'] += table.areas.all.length;
    counts['iommufds: page tables'] += table.tables.length;
    counts['iommufds: reserved ranges'] += table.reserved.all.length;
    counts['iommufds: allowed ranges'] += table.reserved.allowed.length;
    for (const area of table.areas.all) {
      if (area.hold !== undefined) counts['iommufds: mappings with pages held']++;
      counts['iommufds: pins of kernel users'] += area.accesses.length;
      counts['iommufds: locks of mappings'] += area.locks;
    }
  }
}
