/** Message-signalled interrupts at the root complex, with interrupt remapping (Intel VT-d specification, chapter 5). */

import { MSI_WINDOW } from './iommu/iommu.ts';
import { Oops } from './oops.ts';

/** A host interrupt vector: what to program into a device, and who is called when the message arrives. */
export interface Vector {
  readonly index: number;
  readonly requesterId: number;
  readonly address: number;
  readonly data: number;
  handler: () => void;
}

/** The host’s vectors. A message selects one by requester id and data. */
export class InterruptController {
  private readonly table: (Vector | undefined)[] = [];
  private readonly remapping: boolean;
  /** How many vectors the host can hand out in all. */
  readonly capacity: number;

  constructor(remapping: boolean, capacity = 4096) {
    this.remapping = remapping;
    this.capacity = capacity;
  }

  /** How many vectors are handed out. */
  get allocated(): number {
    let count = 0;
    for (const vector of this.table) if (vector !== undefined) count++;
    return count;
  }

  /** Allocates a vector for messages of `requesterId`; undefined when the host has none left. */
  allocate(requesterId: number, handler: () => void): Vector | undefined {
    let index = this.table.indexOf(undefined);
    if (index < 0) index = this.table.length;
    if (index >= this.capacity) return undefined;
    // The remappable format carries the table index in the data field here; both are opaque to everyone else.
    const vector: Vector = { index, requesterId, address: MSI_WINDOW.start, data: index, handler };
    this.table[index] = vector;
    return vector;
  }

  /** Vectors that are handed out now. */
  get used(): number {
    return this.table.reduce((count, vector) => count + (vector === undefined ? 0 : 1), 0);
  }

  free(vector: Vector): void {
    if (this.table[vector.index] !== vector) throw new Oops('interrupt vector freed twice');
    this.table[vector.index] = undefined;
  }

  /** The vector that a message selects; undefined: blocked (no such entry, or not this requester's). */
  lookup(requesterId: number, data: number): Vector | undefined {
    const vector = this.table[data];
    if (vector === undefined || (this.remapping && vector.requesterId !== requesterId)) return undefined;
    return vector;
  }
}
