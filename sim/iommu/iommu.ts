import type { IommuDescription } from '../pci/description.ts';
import { Domain } from './domain.ts';
import { PageRequests } from './page-requests.ts';

/** Where x86 interrupt messages go; writes there never are DMA (Intel VT-d specification, 3.14). */
export const MSI_WINDOW = { start: 0xfee0_0000, length: 0x10_0000 } as const;

/** What a machine without an IOMMU is taken for: no translation, and interrupts that anybody can forge. */
const NONE: IommuDescription = { aperture: [0, 2 ** 64 - 1], pageSizes: [4096], interruptRemapping: false };

/**
 * The one IOMMU of the machine: which requester sees which domain. A requester without a context is blocked; on a machine
 * without an IOMMU every one sees physical addresses.
 */
export class Iommu {
  readonly features: IommuDescription;
  /** The machine has one. */
  readonly present: boolean;
  readonly blocked = new Domain('blocked', 'blocked');
  /** Requesters without a context. */
  private readonly otherwise: Domain;
  readonly pageRequests = new PageRequests();
  private readonly contexts = new Map<number, Domain>();
  private readonly pasids = new Map<number, Map<number, Domain>>();

  constructor(features: IommuDescription | undefined) {
    this.features = features ?? NONE;
    this.present = features !== undefined;
    this.otherwise = this.present ? this.blocked : new Domain('identity', 'physical');
  }

  /** Points the requester's context at a domain. */
  attach(requesterId: number, domain: Domain): void {
    this.contexts.set(requesterId, domain);
  }

  /** Removes the context: the requester is blocked. */
  detach(requesterId: number): void {
    this.contexts.delete(requesterId);
  }

  /** Points requests of the requester with that PASID at a domain; undefined: they are blocked. */
  attachPasid(requesterId: number, pasid: number, domain: Domain | undefined): void {
    let table = this.pasids.get(requesterId);
    if (table === undefined) this.pasids.set(requesterId, (table = new Map()));
    if (domain === undefined) table.delete(pasid);
    else table.set(pasid, domain);
  }

  /** How many pairs of requester and PASID have a domain. */
  get pasidContexts(): number {
    let count = 0;
    for (const table of this.pasids.values()) count += table.size;
    return count;
  }

  domainOf(requesterId: number, pasid?: number): Domain {
    const domain = pasid === undefined ? this.contexts.get(requesterId) : this.pasids.get(requesterId)?.get(pasid);
    return domain ?? this.otherwise;
  }
}
