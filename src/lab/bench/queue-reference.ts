/** What waits in the queues of an iommufd, by the lab's own account: page requests, and events of virtual IOMMUs. */

/** One page that is asked for. */
export interface AskedPage {
  readonly page: number;
  readonly pasid: number | undefined;
  readonly last: boolean;
}

/** A group of page requests. */
export interface WaitingGroup {
  readonly device: string;
  /** Of the attachment that the last of them came through. */
  readonly pasid: number | undefined;
  readonly deviceId: number;
  readonly pages: readonly AskedPage[];
  /** What the device was answered. */
  answered: string | undefined;
}

export interface FaultQueueReference {
  readonly fd: number;
  readonly waiting: WaitingGroup[];
  /** Read, and not answered, by cookie. */
  readonly delivered: Map<number, WaitingGroup>;
}

/** An event of a virtual IOMMU: bytes of its data, -1 where events were lost. */
export interface WaitingEvent {
  readonly length: number;
  readonly sequence: number;
}

export interface EventQueueReference {
  readonly fd: number;
  readonly viommu: number;
  readonly type: number;
  readonly depth: number;
  readonly waiting: WaitingEvent[];
  /** Number of the next event: lost ones have theirs too. */
  next: number;
}

export class QueueReference {
  /** By the number of the queue. */
  readonly faults = new Map<number, FaultQueueReference>();
  readonly events = new Map<number, EventQueueReference>();
  /** Groups that must have been refused: their device is attached no more. */
  readonly refused: WaitingGroup[] = [];

  /** Requests of the device that asks for pages, of a group whose last has not come. */
  partial: AskedPage[] = [];

  /**
   * An attachment of the device is no more: nobody waits for the pages it asked for through it. With the last one that
   * listens (`deaf`) what has come of a group is forgotten.
   */
  gone(device: string, pasid: number | undefined, deaf: boolean): void {
    if (deaf) this.partial = [];
    const through = (group: WaitingGroup): boolean => group.device === device && group.pasid === pasid;
    for (const { waiting, delivered } of this.faults.values()) {
      this.refused.push(...waiting.filter(through));
      const left = waiting.filter((group) => !through(group));
      waiting.length = 0;
      waiting.push(...left);
      for (const [cookie, group] of delivered)
        if (through(group)) {
          delivered.delete(cookie);
          this.refused.push(group);
        }
    }
  }
}
