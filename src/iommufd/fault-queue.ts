/**
 * Page requests of devices on their way to the user, and the answers (eventq.c: struct iommufd_fault). A group of
 * requests is read and answered as a whole, by its cookie.
 */
import type { PageRequest, Respond } from '../../sim/iommu/page-requests.ts';
import { ERRNO } from '../uapi/errno.ts';
import { PAGE_RESP, PGFAULT_FLAG, PGFAULT_PERM } from '../uapi/iommufd.ts';
import type { IommufdObject } from './object.ts';

/** What requests come through (struct iommufd_attach_handle): when it goes, so do they. */
export interface FaultSource {
  /** Number of the device that attached its group; records of all its devices bear it. */
  readonly deviceId: number;
}

/** Requests that wait for one answer. */
export interface FaultGroup {
  readonly source: FaultSource;
  readonly requests: readonly PageRequest[];
  readonly respond: Respond;
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

  /** iommufd_fault_iopf_handler. */
  report(group: FaultGroup): void {
    this.waiting.push(group);
  }

  /** Groups that are read and not answered. */
  get unanswered(): number {
    return this.delivered.size;
  }

  /** The cookie that {@link deliver} will give: the lowest free one. */
  get nextCookie(): number {
    let cookie = 1;
    while (this.delivered.has(cookie)) cookie++;
    return cookie;
  }

  /** The oldest group was read, and now waits for its answer. */
  deliver(): void {
    this.delivered.set(this.nextCookie, this.waiting.shift()!);
  }

  /** 0, or EINVAL for an answer there is not, or a group that does not wait. */
  answer(cookie: number, code: number): number {
    if (code !== PAGE_RESP.SUCCESS && code !== PAGE_RESP.INVALID) return -ERRNO.EINVAL;
    const group = this.delivered.get(cookie);
    if (group === undefined) return -ERRNO.EINVAL;
    this.delivered.delete(cookie);
    group.respond(code === PAGE_RESP.SUCCESS ? 'success' : 'invalid');
    return 0;
  }

  /** iommufd_auto_response_faults: an attachment goes, and its requests with it, read or not. */
  cancel(source: FaultSource): void {
    const waiting = this.waiting.splice(0);
    for (const group of waiting)
      if (group.source === source) group.respond('invalid');
      else this.waiting.push(group);
    for (const [cookie, group] of [...this.delivered])
      if (group.source === source) this.answer(cookie, PAGE_RESP.INVALID);
  }

  /** Every attachment has gone before, and answered what came through it. */
  destroy(): void {}
}

/** Flags of a record as the user reads it. */
export function flagsOf(request: PageRequest): number {
  return (request.pasid === undefined ? 0 : PGFAULT_FLAG.PASID_VALID) | (request.last ? PGFAULT_FLAG.LAST_PAGE : 0);
}

/** What is asked for, as the user reads it. */
export function permOf({ read, write, execute, privileged }: PageRequest): number {
  return (
    (read ? PGFAULT_PERM.READ : 0) |
    (write ? PGFAULT_PERM.WRITE : 0) |
    (execute ? PGFAULT_PERM.EXEC : 0) |
    (privileged ? PGFAULT_PERM.PRIV : 0)
  );
}
