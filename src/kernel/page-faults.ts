/**
 * Page requests on their way from the IOMMU to whoever handles them (drivers/iommu/io-pgfault.c of Linux 7.3). Requests
 * that are not the last of their group wait for it, device by device; the whole group goes on and is answered.
 */
import type { PageRequest, PageRequests, Respond } from '../../sim/iommu/page-requests.ts';

/** Takes a whole group (iopf_handler of a domain). */
export type PageFaultHandler = (requests: readonly PageRequest[], respond: Respond) => void;

export class PageFaults {
  private readonly hardware: PageRequests;
  /** Requests that wait for the last of their group, by requester and group. The PASID makes no difference. */
  private readonly partial = new Map<string, PageRequest[]>();

  constructor(hardware: PageRequests) {
    this.hardware = hardware;
  }

  /** Sends the requests of a device (and PASID) to `handler`; undefined: they are answered "invalid". */
  handle(requesterId: number, pasid: number | undefined, handler: PageFaultHandler | undefined): void {
    if (handler === undefined) {
      this.hardware.handle(requesterId, pasid, undefined);
      // The device leaves the queue: what waits for the last of its group goes (iopf_queue_remove_device).
      if (!this.hardware.handles(requesterId))
        for (const key of [...this.partial.keys()]) if (key.startsWith(`${requesterId}/`)) this.partial.delete(key);
    } else
      this.hardware.handle(requesterId, pasid, (request, respond) => {
        const requests = this.collect(requesterId, request);
        if (request.last) handler(requests, respond);
      });
  }

  private collect(requesterId: number, request: PageRequest): readonly PageRequest[] {
    const key = `${requesterId}/${request.group}`;
    const requests = [...(this.partial.get(key) ?? []), request];
    if (request.last) this.partial.delete(key);
    else this.partial.set(key, requests);
    return requests;
  }
}
