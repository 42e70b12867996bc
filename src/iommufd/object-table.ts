/**
 * The numbers of one iommufd (main.c: iommufd_object_alloc, iommufd_object_remove): lowest free first, from 1. A
 * tombstone is a number whose object was taken away by force; it stays taken until the file is closed.
 */
import { ERRNO } from '../uapi/errno.ts';
import type { IommufdObject, ObjectKind } from './object.ts';

export class ObjectTable {
  private readonly slots = new Map<number, IommufdObject | 'tombstone'>();

  get size(): number {
    return this.slots.size;
  }

  /** All objects, in any order. */
  get live(): Iterable<IommufdObject> {
    return [...this.slots.values()].filter((slot) => slot !== 'tombstone');
  }

  /** All objects, lowest number first. */
  get all(): IommufdObject[] {
    const live = [...this.slots.values()].filter((slot) => slot !== 'tombstone');
    return live.sort((a, b) => a.id - b.id);
  }

  /** Gives `object` the lowest free number. */
  add<T extends IommufdObject>(object: T): T {
    let id = 1;
    while (this.slots.has(id)) id++;
    object.id = id;
    this.slots.set(id, object);
    return object;
  }

  /** The object of that number and of one of these kinds, or undefined: ENOENT. */
  get<K extends ObjectKind>(id: number, ...kinds: readonly K[]): (IommufdObject & { readonly kind: K }) | undefined {
    const object = this.slots.get(id);
    if (object === undefined || object === 'tombstone') return undefined;
    if (kinds.length > 0 && !(kinds as readonly ObjectKind[]).includes(object.kind)) return undefined;
    return object as IommufdObject & { readonly kind: K };
  }

  /** Takes the object out and destroys it. */
  remove(object: IommufdObject): void {
    this.slots.delete(object.id);
    object.destroy();
  }

  /** As {@link remove}, and the number is never given again (REMOVE_WAIT with tombstone). */
  bury(object: IommufdObject): void {
    this.slots.set(object.id, 'tombstone');
    object.destroy();
  }

  /** IOMMU_DESTROY: 0, ENOENT, or EBUSY while anything builds on the object. */
  destroy(id: number): number {
    const object = this.get(id);
    if (object === undefined) return -ERRNO.ENOENT;
    if (object.users > 1) return -ERRNO.EBUSY;
    this.remove(object);
    return 0;
  }

  /** Drops one user; an object nobody names (an automatic HWPT) goes with its last one. */
  put(object: IommufdObject, automatic: boolean): void {
    object.users--;
    if (automatic && object.users === 1) this.remove(object);
  }

  /** The file is closed: everything goes, what builds on others first (iommufd_fops_release). */
  clear(): void {
    for (;;) {
      const free = this.all.filter((object) => object.users === 1);
      if (free.length === 0) break;
      for (const object of free) if (object.users === 1) this.remove(object);
    }
    this.slots.clear();
  }
}
