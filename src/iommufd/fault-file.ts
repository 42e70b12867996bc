/** The descriptor of a fault queue (eventq.c: iommufd_fault_fops_read, _write), and the ioctl that makes one. */
import { viewOf } from '../kernel/bytes.ts';
import { type OpenFile, POLL } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { iommu_fault_alloc, iommu_hwpt_page_response, iommu_hwpt_pgfault } from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import { type FaultGroup, FaultQueue, flagsOf, permOf } from './fault-queue.ts';
import type { Ucmd } from './ucmd.ts';

const RECORD = iommu_hwpt_pgfault;
const RESPONSE = iommu_hwpt_page_response;

export class FaultFile implements OpenFile {
  readonly name = 'anon_inode:[iommufd-pgfault]';
  private readonly context: Context;
  private readonly queue: FaultQueue;

  constructor(context: Context, queue: FaultQueue) {
    this.context = context.get();
    this.queue = queue;
    queue.users++;
  }

  /** Whole groups, as many as fit; nothing there is 0 bytes, not a wait. */
  read(caller: Process, address: number, length: number, position: number | undefined): number {
    if (position !== undefined || length % RECORD.size !== 0) return -ERRNO.ESPIPE;
    let done = 0;
    for (let group = this.queue.waiting[0]; group !== undefined; group = this.queue.waiting[0]) {
      const bytes = encode(group, this.queue.nextCookie);
      if (done + bytes.length > length) return done === 0 ? -ERRNO.EINVAL : done;
      // What cannot be copied stays in the queue, and is not taken for read.
      if (!caller.copyToUser(address + done, bytes)) return done === 0 ? -ERRNO.EFAULT : done;
      this.queue.deliver();
      done += bytes.length;
    }
    return done;
  }

  /** Answers, up to the first that is none: the bytes taken, or its errno if it came first. */
  write(caller: Process, address: number, length: number, position: number | undefined): number {
    if (position !== undefined || length % RESPONSE.size !== 0) return -ERRNO.ESPIPE;
    let done = 0;
    for (; done < length; done += RESPONSE.size) {
      const bytes = caller.copyFromUser(address + done, RESPONSE.size);
      const error = bytes === undefined ? -ERRNO.EFAULT : this.answer(viewOf(bytes));
      if (error !== 0) return done === 0 ? error : done;
    }
    return done;
  }

  poll(): number {
    return POLL.OUT | (this.queue.waiting.length > 0 ? POLL.IN : 0);
  }

  release(): void {
    this.queue.users--;
    this.context.put();
  }

  private answer(view: DataView): number {
    return this.queue.answer(view.getUint32(RESPONSE.at.cookie, true), view.getUint32(RESPONSE.at.code, true));
  }
}

function encode(group: FaultGroup, cookie: number): Uint8Array {
  const bytes = new Uint8Array(group.requests.length * RECORD.size);
  const view = new DataView(bytes.buffer);
  for (const [index, request] of group.requests.entries()) {
    const base = index * RECORD.size;
    view.setUint32(base + RECORD.at.flags, flagsOf(request), true);
    view.setUint32(base + RECORD.at.dev_id, group.source.deviceId, true);
    view.setUint32(base + RECORD.at.pasid, request.pasid ?? 0, true);
    view.setUint32(base + RECORD.at.grpid, request.group, true);
    view.setUint32(base + RECORD.at.perm, permOf(request), true);
    view.setBigUint64(base + RECORD.at.addr, request.address, true);
    view.setUint32(base + RECORD.at.cookie, cookie, true);
  }
  return bytes;
}

/** IOMMU_FAULT_QUEUE_ALLOC. */
export function faultQueueAlloc(cmd: Ucmd): number {
  const { at } = iommu_fault_alloc;
  const { context, caller } = cmd;
  if (cmd.u32(at.flags) !== 0) return -ERRNO.EOPNOTSUPP;
  // iommufd_eventq_init: the object, its file (anon_inode_getfile), and a number for it.
  if (context.noRoom() || context.noMemory()) return -ERRNO.ENOMEM;
  const fd = caller.files.reserve();
  if (fd < 0) return fd;
  const queue = context.objects.add(new FaultQueue());
  cmd.view.setUint32(at.out_fault_id, queue.id, true);
  cmd.view.setUint32(at.out_fault_fd, fd, true);
  const error = cmd.respond();
  if (error === 0) {
    caller.files.installAt(fd, new FaultFile(context, queue));
    return 0;
  }
  caller.files.giveBack(fd);
  context.objects.remove(queue);
  return error;
}
