/** Dirty bits of one mapping, as the leaf entries of a page table hold them: one for each page, however large. */
import { PAGE_SIZE } from '../memory.ts';

/** Where a mapping lies: bus address, bytes, and the physical address behind it. */
export interface LeafSpan {
  readonly start: number;
  readonly length: number;
  readonly physical: number;
}

/** A leaf holds a page of the largest size that both addresses and the ends of the mapping allow. */
export class DirtyLeaves {
  private readonly place: LeafSpan;
  /** Page sizes, largest first. */
  private readonly sizes: readonly number[];
  /** First bytes of dirty leaves, as offsets in the mapping. */
  private readonly leaves = new Set<number>();

  constructor(place: LeafSpan, sizes: readonly number[]) {
    this.place = place;
    this.sizes = [...sizes].sort((a, b) => b - a);
  }

  /** The device wrote [offset, offset + length). */
  mark(offset: number, length: number): void {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const [first, size] = this.leafAt(at);
      this.leaves.add(first);
      at = first + size;
    }
  }

  /** Shows the dirty parts of [from, to), in any order, and forgets their leaves if `clear`. */
  visit(from: number, to: number, clear: boolean, visit: (offset: number, length: number) => void): void {
    const show = (leaf: number): void => {
      const [, size] = this.leafAt(leaf);
      if (leaf >= to || leaf + size <= from) return;
      const first = Math.max(leaf, from);
      visit(first, leaf + size - first);
      if (clear) this.leaves.delete(leaf);
    };
    // A short walk in a large mapping looks at its own leaves only.
    if ((to - from) / PAGE_SIZE >= this.leaves.size) for (const leaf of [...this.leaves]) show(leaf);
    else
      for (let at = from; at < to; ) {
        const [leaf, size] = this.leafAt(at);
        if (this.leaves.has(leaf)) show(leaf);
        at = leaf + size;
      }
  }

  /** What was dirty before the mapping became this part of it, `by` bytes behind its start. */
  inherit(old: DirtyLeaves, by: number): this {
    old.visit(by, by + this.place.length, false, (offset, length) => {
      this.mark(offset - by, Math.min(length, by + this.place.length - offset));
    });
    return this;
  }

  /** The leaf with the byte at `offset`: its own offset and size. */
  private leafAt(offset: number): [first: number, size: number] {
    const { start, length, physical } = this.place;
    const address = start + offset;
    for (const size of this.sizes) {
      if (size <= PAGE_SIZE) break;
      const first = address - (address % size) - start;
      if (first >= 0 && first + size <= length && (physical + first) % size === 0) return [first, size];
    }
    return [offset - (offset % PAGE_SIZE), PAGE_SIZE];
  }
}
