/** IOAS objects (ioas.c): an address space that devices and kernel users can be attached to. */
import type { Context } from './context.ts';
import type { Hwpt } from './hwpt.ts';
import { EVERYTHING, IoPagetable } from './io-pagetable.ts';
import type { IommufdObject } from './object.ts';

export class Ioas implements IommufdObject {
  readonly kind = 'ioas';
  id = 0;
  users = 1;
  readonly table: IoPagetable;
  /** Page tables made of it, oldest first; attaching tries the automatic ones among them. */
  readonly hwpts: Hwpt[] = [];
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
    this.table = new IoPagetable(context.faults);
  }

  destroy(): void {
    this.table.unmap(EVERYTHING.start, EVERYTHING.last);
    if (this.context.vfioIoas === this) this.context.vfioIoas = undefined;
  }
}
