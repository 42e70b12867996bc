/** MAP_DMA and UNMAP_DMA of 2 MiB in a container that holds little else. */
import { Site } from '../../e2e/site.ts';
import type { Figure } from '../figure.ts';

const PAIRS = 200;
const BYTES = 0x20_0000;
const IOVA = 0x1_0000_0000;

export function mapping(): Figure {
  const { process, container } = new Site().vm();
  process.memlockLimit = Number.POSITIVE_INFINITY;
  const buffer = process.memory.allocate(BYTES);
  const plain = new Map<number, object>();
  return {
    name: 'DMA mappings made and removed',
    unit: 'pairs/s',
    subject: {
      name: 'MAP_DMA and UNMAP_DMA',
      amount: PAIRS,
      run() {
        for (let i = 0; i < PAIRS; i++) {
          const iova = IOVA + i * BYTES;
          if (container.map(buffer, iova, BYTES) !== 0 || container.unmap(iova, BYTES) !== BYTES)
            throw new Error('refused');
        }
      },
    },
    baseline: {
      name: 'Map.set and Map.delete',
      amount: PAIRS,
      run() {
        for (let i = 0; i < PAIRS; i++) {
          const iova = IOVA + i * BYTES;
          plain.set(iova, { iova, vaddr: buffer, size: BYTES, flags: 3 });
          plain.delete(iova);
        }
      },
    },
  };
}
