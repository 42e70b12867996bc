/** Events of a virtual IOMMU for its guest (eventq.c: struct iommufd_veventq). Full, it says how many were lost. */
import { type OpenFile, POLL } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { iommu_veventq_alloc, iommufd_vevent_header, VEVENTQ_FLAG, VEVENTQ_TYPE } from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import type { IommufdObject } from './object.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

const { at } = iommu_veventq_alloc;
const HEADER = iommufd_vevent_header;
/** Sequence numbers count to 2^31 - 1 and start over. */
const SEQUENCE_MASK = 0x7fff_ffff;
/** VEVENTQ_MAX_DEPTH (1 << 19). */
const MAX_DEPTH = 2 ** 19;

/** An event for the guest; one without data says that others were lost. */
export interface VirtualEvent {
  readonly sequence: number;
  readonly data: Uint8Array | undefined;
}

export class Veventq implements IommufdObject {
  readonly kind = 'veventq';
  id = 0;
  users = 1;
  readonly type: number;
  /** To be read, oldest first. What was lost is only ever told by the last. */
  readonly events: VirtualEvent[] = [];
  private readonly viommu: Viommu;
  private readonly depth: number;
  private sequence = 0;

  constructor(viommu: Viommu, type: number, depth: number) {
    this.viommu = viommu;
    this.type = type;
    this.depth = depth;
    viommu.users++;
    viommu.queues.push(this);
  }

  /** iommufd_vevent_handler. An event behind a header of lost ones replaces it: the gap in the numbers tells as much. */
  report(data: Uint8Array): void {
    const { events, sequence } = this;
    if (events.at(-1)?.data === undefined) events.pop();
    events.push({ sequence, data: events.length < this.depth ? data : undefined });
    this.sequence = (sequence + 1) & SEQUENCE_MASK;
  }

  destroy(): void {
    this.viommu.queues.splice(this.viommu.queues.indexOf(this), 1);
    this.viommu.users--;
  }
}

/** Its descriptor: headers, each with the data of its event. */
export class VeventqFile implements OpenFile {
  readonly name = 'anon_inode:[iommufd-viommu-event]';
  readonly writable = true;
  private readonly context: Context;
  private readonly queue: Veventq;

  constructor(context: Context, queue: Veventq) {
    this.context = context.get();
    this.queue = queue;
    queue.users++;
  }

  read(caller: Process, address: number, length: number, position: number | undefined): number {
    if (position !== undefined) return -ERRNO.ESPIPE;
    if (length < HEADER.size) return -ERRNO.EINVAL;
    let done = 0;
    for (let bytes = this.first(); bytes !== undefined; bytes = this.first()) {
      if (done + bytes.length > length) return done === 0 ? -ERRNO.EINVAL : done;
      if (!caller.copyToUser(address + done, bytes)) return done === 0 ? -ERRNO.EFAULT : done;
      this.queue.events.shift();
      done += bytes.length;
    }
    return done;
  }

  write(): number {
    return -ERRNO.EINVAL;
  }

  poll(): number {
    return this.first() === undefined ? 0 : POLL.IN;
  }

  release(): void {
    this.queue.users--;
    this.context.put();
  }

  private first(): Uint8Array | undefined {
    const event = this.queue.events[0];
    if (event === undefined) return undefined;
    const { sequence, data } = event;
    const bytes = new Uint8Array(HEADER.size + (data?.length ?? 0));
    const view = new DataView(bytes.buffer);
    view.setUint32(HEADER.at.flags, data === undefined ? VEVENTQ_FLAG.LOST_EVENTS : 0, true);
    view.setUint32(HEADER.at.sequence, sequence, true);
    if (data !== undefined) bytes.set(data, HEADER.size);
    return bytes;
  }
}

/** IOMMU_VEVENTQ_ALLOC: one queue for each type of event. */
export function veventqAlloc(cmd: Ucmd): number {
  const { context, caller } = cmd;
  const type = cmd.u32(at.type);
  if (cmd.u32(at.flags) !== 0 || cmd.u32(at.__reserved) !== 0 || type === VEVENTQ_TYPE.DEFAULT)
    return -ERRNO.EOPNOTSUPP;
  const depth = cmd.u32(at.veventq_depth);
  if (depth === 0 || depth > MAX_DEPTH) return -ERRNO.EINVAL;
  const viommu = context.objects.get(cmd.u32(at.viommu_id), 'viommu') as Viommu | undefined;
  if (viommu === undefined) return -ERRNO.ENOENT;
  if (viommu.queues.some((queue) => queue.type === type)) return -ERRNO.EEXIST;
  // iommufd_eventq_init: the object, its file (anon_inode_getfile), and a number for it.
  if (context.noRoom() || context.noMemory()) return -ERRNO.ENOMEM;
  const fd = caller.files.reserve();
  if (fd < 0) return fd;
  const queue = context.objects.add(new Veventq(viommu, type, depth));
  cmd.view.setUint32(at.out_veventq_id, queue.id, true);
  cmd.view.setUint32(at.out_veventq_fd, fd, true);
  const error = cmd.respond();
  if (error === 0) {
    caller.files.installAt(fd, new VeventqFile(context, queue));
    return 0;
  }
  caller.files.giveBack(fd);
  context.objects.remove(queue);
  return error;
}
