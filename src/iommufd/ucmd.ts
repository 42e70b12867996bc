/** One call of an iommufd ioctl (struct iommufd_ucmd): the caller's struct, as far as this kernel knows it. */
import { bytesOf } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import type { Context } from './context.ts';

export class Ucmd {
  readonly context: Context;
  readonly caller: Process;
  /** The struct, filled with zeros where the caller's was shorter. What is set here reaches the user by {@link respond}. */
  readonly view: DataView;
  private readonly argument: number;
  private readonly userSize: number;

  constructor(context: Context, caller: Process, argument: number, view: DataView, userSize: number) {
    this.context = context;
    this.caller = caller;
    this.argument = argument;
    this.view = view;
    this.userSize = userSize;
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }

  /** iommufd_ucmd_respond: copies back as much of the struct as the caller has; 0 or EFAULT. */
  respond(): number {
    const bytes = bytesOf(this.view);
    const part = bytes.subarray(0, Math.min(this.userSize, bytes.length));
    return this.caller.copyToUser(this.argument, part) ? 0 : -ERRNO.EFAULT;
  }
}
