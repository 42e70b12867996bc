/** One open of /dev/iommu (struct iommufd_ctx): its objects, and what holds for all of them. */
import { FaultInjection } from '../kernel/fault-injection.ts';
import type { IommuGroup } from '../kernel/iommu-group.ts';
import type { AccountMode } from './accounting.ts';
import { GroupAttachments } from './group-attachments.ts';
import type { Ioas } from './ioas.ts';
import { ObjectTable } from './object-table.ts';

/** Module parameters of iommufd, read when they are used. */
export interface IommufdParameters {
  /** A device without interrupt isolation may be bound. */
  readonly iommufdAllowUnsafeInterrupts: boolean;
}

export class Context {
  readonly objects = new ObjectTable();
  readonly parameters: IommufdParameters;
  accountMode: AccountMode;
  /** What VFIO's container ioctls on this file work on. */
  vfioIoas: Ioas | undefined;
  /** The file serves groups without an IOMMU (VFIO_IOMMU container of type 8). */
  noiommu = false;
  /** Fault injection of the kernel. */
  readonly faults: FaultInjection;
  private readonly groups = new Map<IommuGroup, GroupAttachments>();
  /** The file, and every device and group bound to it. */
  private holders = 1;

  constructor(parameters: IommufdParameters, accountMode: AccountMode, faults: FaultInjection = new FaultInjection()) {
    this.parameters = parameters;
    this.accountMode = accountMode;
    this.faults = faults;
  }

  /** How many hold it open: the file, devices, groups, and files of its objects. */
  get holderCount(): number {
    return this.holders;
  }

  /** Devices bound, of all groups. */
  get boundDevices(): number {
    let count = 0;
    for (const { members } of this.groups.values()) count += members;
    return count;
  }

  /** How many groups have something here. */
  get groupCount(): number {
    return this.groups.size;
  }

  /** An allocation fails that has to be answered with ENOMEM. */
  noMemory(): boolean {
    return this.faults.allocation.fails();
  }

  /** iommufd_object_alloc cannot have the memory of an object, or a number for it. */
  noRoom(): boolean {
    return this.noMemory() || this.noMemory();
  }

  /** iommufd_ctx_get. */
  get(): this {
    this.holders++;
    return this;
  }

  /** iommufd_ctx_put: with the last holder all objects go. */
  put(): void {
    if (--this.holders === 0) this.objects.clear();
  }

  /** iommufd_get_group: what of `group` is attached through this file. */
  group(group: IommuGroup): GroupAttachments {
    let known = this.groups.get(group);
    if (known === undefined) this.groups.set(group, (known = new GroupAttachments(this, group)));
    return known;
  }

  forgetGroup(group: IommuGroup): void {
    this.groups.delete(group);
  }

  /** iommufd_get_group has to make what stands for `group`, and cannot. */
  noGroup(group: IommuGroup): boolean {
    return !this.groups.has(group) && (this.noMemory() || this.noMemory());
  }

  /** iommufd_ctx_has_group: some device of `group` is bound here. */
  hasGroup(group: IommuGroup): boolean {
    return (this.groups.get(group)?.members ?? 0) > 0;
  }
}
