/**
 * Page requests (PCIe 10.4): a function asks for pages that are not there, a group at a time, and goes on when the
 * group is answered. The IOMMU queues them for software, which says here what is to become of them.
 */

/** One request. The last of a group asks for the answer to all of them. */
export interface PageRequest {
  readonly pasid: number | undefined;
  /** Page request group index. */
  readonly group: number;
  readonly address: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute?: boolean;
  readonly privileged?: boolean;
  readonly last: boolean;
}

/** Response codes (PCIe 10.4.2.1) that software gives. */
export type PageResponse = 'success' | 'invalid';
export type Respond = (response: PageResponse) => void;
export type PageRequestHandler = (request: PageRequest, respond: Respond) => void;

/** Place of the handler for requests without a PASID. */
const OWN = -1;

/** Who takes the requests of which requester and PASID. Where nobody does, a group is answered "invalid". */
export class PageRequests {
  private readonly handlers = new Map<number, Map<number, PageRequestHandler>>();

  /** Registers the handler of a requester (and PASID), or with undefined takes it away. */
  handle(requesterId: number, pasid: number | undefined, handler: PageRequestHandler | undefined): void {
    let table = this.handlers.get(requesterId);
    if (table === undefined) this.handlers.set(requesterId, (table = new Map()));
    if (handler === undefined) table.delete(pasid ?? OWN);
    else table.set(pasid ?? OWN, handler);
  }

  /** Does anybody take requests of the requester? */
  handles(requesterId: number): boolean {
    return (this.handlers.get(requesterId)?.size ?? 0) > 0;
  }

  request(requesterId: number, request: PageRequest, respond: Respond): void {
    // The stop marker closes a PASID, and asks for nothing (10.4.1.2.1).
    if (request.last && !request.read && !request.write) return;
    const handler = this.handlers.get(requesterId)?.get(request.pasid ?? OWN);
    if (handler !== undefined) handler(request, respond);
    else if (request.last) respond('invalid');
  }
}
