/** The firmware's objects. All belong to the kernel's uid; a page tracker also to the VHCA it watches. */
import type { CompletionQueue } from './completion-queue.ts';
import type { Mkey } from './mkey.ts';
import { ObjectTable } from './object-table.ts';
import type { Limits } from './options.ts';
import type { PageTracker } from './page-tracker.ts';
import type { QueuePair } from './queue-pair.ts';

/** A protection domain: nothing but a number that others refer to. */
export interface ProtectionDomain {
  readonly number: number;
  users: number;
}

export class Objects {
  readonly pd: ObjectTable<ProtectionDomain>;
  /** By index; the key has the index in 31:8. */
  readonly mkey: ObjectTable<Mkey>;
  readonly cq: ObjectTable<CompletionQueue>;
  readonly qp: ObjectTable<QueuePair>;
  readonly tracker: ObjectTable<PageTracker>;

  /** Kinds count from different numbers, so that one taken for another does not exist. */
  constructor(limits: Limits) {
    this.pd = new ObjectTable(limits.pd, 0x11);
    this.mkey = new ObjectTable(limits.mkey, 0x2000);
    this.cq = new ObjectTable(limits.cq, 0x401);
    this.qp = new ObjectTable(limits.qp, 0x801);
    this.tracker = new ObjectTable(limits.tracker, 0x71);
  }

  clear(): void {
    for (const table of [this.pd, this.mkey, this.cq, this.qp, this.tracker]) table.clear();
  }
}
