/** Host interrupt vectors of a function's messages, as the two kinds of message capabilities share them. */
import type { Vector } from '../../sim/interrupts.ts';
import type { PciDevice } from '../kernel/pci/device.ts';

const nobody = (): void => {};

/** MSI or MSI-X of one function while the host has it on. */
export interface HostVectors {
  /** pci_irq_vector: whether vector `index` is allocated. */
  has(index: number): boolean;
  /** pci_msix_alloc_irq_at: 0, or a negated errno. */
  allocateAt(index: number): number;
  /** Rewrites the message, which something may have corrupted, and unmasks: from now on `handler` is called. */
  request(index: number, handler: () => void): void;
  /** free_irq: masks; the vector stays allocated. */
  release(index: number): void;
  /** pci_free_irq_vectors. */
  shutdown(): void;
}

/** Allocates one vector that nobody handles yet; undefined when the host has none left. */
export function allocateVector(pdev: PciDevice): Vector | undefined {
  return pdev.allocateVector(nobody);
}

/** Stops handling. */
export function silence(vector: Vector): void {
  vector.handler = nobody;
}

/**
 * A block of `count` vectors (a power of two) whose data differ in the low bits only, as multi-message MSI needs;
 * undefined when the host has none.
 */
export function allocateBlock(pdev: PciDevice, count: number): Vector[] | undefined {
  const tried: Vector[] = [];
  let block: Vector[] = [];
  while (block.length < count) {
    const vector = allocateVector(pdev);
    if (vector === undefined) break;
    const continues = block.length > 0 && vector.data === block[block.length - 1]!.data + 1;
    if (!continues) {
      tried.push(...block);
      block = [];
      if (vector.data % count !== 0) {
        tried.push(vector);
        continue;
      }
    }
    block.push(vector);
  }
  const found = block.length === count;
  for (const vector of found ? tried : [...tried, ...block]) pdev.freeVector(vector);
  return found ? block : undefined;
}
