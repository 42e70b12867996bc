/**
 * Page requests of devices on their way to the user, and the answers (eventq.c: struct iommufd_fault). Requests of one
 * group come together with the last of them; a group is answered as a whole, by its cookie.
 */
import { ERRNO } from '../uapi/errno.ts';
import { PAGE_RESP, PGFAULT_FLAG } from '../uapi/iommufd.ts';
import type { IommufdObject } from './object.ts';

/** One page request (struct iommu_fault_page_request). */
export interface PageRequest {
  readonly pasid: number | undefined;
  readonly group: number;
  /** PGFAULT_PERM. */
  readonly perm: number;
  readonly address: bigint;
  readonly last: boolean;
}

/** Requests that wait for one answer. */
export interface FaultGroup {
  readonly deviceId: number;
  /** The attachment they came through: 0 for the function itself. */
  readonly pasid: number;
  readonly requests: readonly PageRequest[];
  /** PAGE_RESP: what the device is told. */
  readonly respond: (code: number) => void;
}

export class FaultQueue implements IommufdObject {
  readonly kind = 'fault';
  id = 0;
  /** The number, the file, and each page table that reports here. */
  users = 1;
  /** To be read, oldest first. */
  readonly waiting: FaultGroup[] = [];
  /** Read and not answered, by cookie. */
  private readonly delivered = new Map<number, FaultGroup>();
  private readonly partial = new Map<string, PageRequest[]>();

  /** A request of a device; all but the last of a group wait for it. */
  report(deviceId: number, request: PageRequest, respond: (code: number) => void): void {
    const pasid = request.pasid ?? 0;
    const key = `${deviceId}/${pasid}/${request.group}`;
    const earlier = this.partial.get(key) ?? [];
    if (!request.last) {
      this.partial.set(key, [...earlier, request]);
      return;
    }
    this.partial.delete(key);
    this.waiting.push({ deviceId, pasid, requests: [...earlier, request], respond });
  }

  /** Marks the oldest group as read; the cookie to answer it with. */
  deliver(): number {
    const group = this.waiting.shift()!;
    let cookie = 1;
    while (this.delivered.has(cookie)) cookie++;
    this.delivered.set(cookie, group);
    return cookie;
  }

  /** The cookie that {@link deliver} will give. */
  get nextCookie(): number {
    let cookie = 1;
    while (this.delivered.has(cookie)) cookie++;
    return cookie;
  }

  /** 0, or EINVAL for an answer there is not, or a group that does not wait. */
  answer(cookie: number, code: number): number {
    if (code !== PAGE_RESP.SUCCESS && code !== PAGE_RESP.INVALID) return -ERRNO.EINVAL;
    const group = this.delivered.get(cookie);
    if (group === undefined) return -ERRNO.EINVAL;
    this.delivered.delete(cookie);
    group.respond(code);
    return 0;
  }

  /** iommufd_auto_response_faults: an attachment goes, and its requests with it. */
  cancel(deviceId: number, pasid: number): void {
    const mine = (group: FaultGroup): boolean => group.deviceId === deviceId && group.pasid === pasid;
    for (const key of [...this.partial.keys()]) if (key.startsWith(`${deviceId}/${pasid}/`)) this.partial.delete(key);
    for (const group of this.waiting.filter(mine)) {
      this.waiting.splice(this.waiting.indexOf(group), 1);
      group.respond(PAGE_RESP.INVALID);
    }
    for (const [cookie, group] of this.delivered) if (mine(group)) this.answer(cookie, PAGE_RESP.INVALID);
  }

  destroy(): void {
    for (const { respond } of [...this.waiting, ...this.delivered.values()]) respond(PAGE_RESP.INVALID);
    this.waiting.length = 0;
    this.delivered.clear();
  }
}

/** Flags of a record as the user reads it. */
export function flagsOf(request: PageRequest): number {
  return (request.pasid === undefined ? 0 : PGFAULT_FLAG.PASID_VALID) | (request.last ? PGFAULT_FLAG.LAST_PAGE : 0);
}
