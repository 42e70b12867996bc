/** Pages that emulated devices hold in a container, in the reference: one by one, each with how often. */
import type { Type1Reference } from './type1.ts';
import { last, limitOf, type Type1Entry } from './type1-entry.ts';
import * as U from './u64.ts';
import { userPage } from './user-page.ts';

export class Type1Pins {
  /** What the emulated device holds, call by call: it gives back whole what it is asked for in part. */
  readonly held: { readonly iova: bigint; readonly count: number }[] = [];
  private readonly container: Type1Reference;

  constructor(container: Type1Reference) {
    this.container = container;
  }

  /** An emulated device pins `count` pages. */
  pin(iova: bigint, count: number, write: boolean): number {
    if (count === 0) return -U.EINVAL;
    if (count > 512) return -U.E2BIG;
    if (!this.container.v2) return -U.EACCES;
    if (U.wraps(iova, BigInt(count) * U.PAGE)) return -U.EOVERFLOW;
    if (this.container.invalid) return -U.EBUSY;
    if (this.container.listeners === 0) return -U.EINVAL;
    const done: [Type1Entry, number][] = [];
    for (let index = 0; index < count; index++) {
      const at = iova - (iova % U.PAGE) + BigInt(index) * U.PAGE;
      const error = this.pinOne(at, write, done);
      if (error === 0) continue;
      for (const [entry, page] of done) this.unpinOne(entry, page);
      return error;
    }
    this.held.push({ iova, count });
    return 0;
  }

  /** Before an unmap finds that it cannot write the bitmap, the device has given back what the first mapping held. */
  giveBackFirst([first]: readonly Type1Entry[]): void {
    if (first !== undefined && first.pins.size > 0) this.giveBack(first.start, last(first));
  }

  /** Gives one of the {@link held} back. */
  unpinHeld(index: number): void {
    const [pin] = this.held.splice(index, 1);
    if (pin !== undefined) this.unpinPages(pin.iova, pin.count);
  }

  /** The emulated device gives back what touches [first, end]. */
  giveBack(first: bigint, end: bigint): void {
    for (let index = this.held.length - 1; index >= 0; index--) {
      const { iova, count } = this.held[index]!;
      const start = iova - (iova % U.PAGE);
      if (U.overlap(start, start + BigInt(count) * U.PAGE - 1n, first, end)) this.unpinHeld(index);
    }
  }

  private unpinPages(iova: bigint, count: number): void {
    for (let index = 0; index < count; index++) {
      const at = iova - (iova % U.PAGE) + BigInt(index) * U.PAGE;
      const entry = this.container.find(at, U.PAGE);
      if (entry !== undefined) this.unpinOne(entry, Number((at - entry.start) / U.PAGE));
    }
  }

  private pinOne(at: bigint, write: boolean, done: [Type1Entry, number][]): number {
    const entry = this.container.find(at, U.PAGE);
    if (entry === undefined) return -U.EINVAL;
    if (!entry.read || (write && !entry.write)) return -U.EPERM;
    const index = Number((at - entry.start) / U.PAGE);
    const known = entry.pins.get(index);
    if (known !== undefined) known.users++;
    else {
      const page = userPage(entry.mm, Number(entry.vaddr) + index * 4096, entry.write);
      if (page === undefined) return -U.EFAULT;
      // A page of a device has no struct page that could be handed out.
      if (!page.charged) return -U.EINVAL;
      const costs = entry.pages === undefined;
      if (costs && !entry.unlimited && this.container.locked(entry.mm) + 1 > limitOf(entry.process)) return -U.ENOMEM;
      entry.pins.set(index, { ...page, users: 1 });
      if (this.container.tracking) entry.dirty.add(index);
    }
    done.push([entry, index]);
    return 0;
  }

  private unpinOne(entry: Type1Entry, index: number): void {
    const pin = entry.pins.get(index);
    if (pin !== undefined && --pin.users === 0) entry.pins.delete(index);
  }
}
