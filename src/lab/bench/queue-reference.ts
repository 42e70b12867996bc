/** What waits in the queues of an iommufd, by the lab's own account: page requests, and events of virtual IOMMUs. */

/** A group of page requests. */
export interface WaitingGroup {
  readonly device: string;
  readonly records: number;
  /** Number of the device, and the page from which on it asks. */
  readonly deviceId: number;
  readonly page: number;
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

  /** The device is no longer attached: nobody waits for its pages any more. */
  gone(device: string): void {
    for (const { waiting, delivered } of this.faults.values()) {
      this.refused.push(...waiting.filter((group) => group.device === device));
      const left = waiting.filter((group) => group.device !== device);
      waiting.length = 0;
      waiting.push(...left);
      for (const [cookie, group] of delivered)
        if (group.device === device) {
          delivered.delete(cookie);
          this.refused.push(group);
        }
    }
  }
}
