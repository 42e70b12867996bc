/** Look-ups of an IOVA in a domain of a thousand mappings. */
import { Domain } from '../../../sim/iommu/domain.ts';
import { Random } from '../../../src/lab/random.ts';
import type { Figure } from '../figure.ts';

const MAPPINGS = 1000;
const LOOKUPS = 4096;

export function translate(): Figure {
  const domain = new Domain('paging', 'bench');
  const pages = new Map<number, number>();
  for (let i = 0; i < MAPPINGS; i++) {
    const start = i * 3 * 4096;
    domain.map({ start, length: 4096, physical: 0x1_0000_0000 + start, read: true, write: true });
    pages.set(i * 3, 0x1_0000_0000 + start);
  }
  const random = new Random(1);
  const iovas = Array.from({ length: LOOKUPS }, () => random.below(MAPPINGS) * 3 * 4096 + random.below(4096));
  let sum = 0;
  return {
    name: `IOVA translations among ${MAPPINGS} mappings`,
    unit: 'look-ups/s',
    subject: {
      name: 'Domain.translate',
      amount: LOOKUPS,
      run() {
        for (const iova of iovas) {
          const mapping = domain.translate(iova, true)!;
          sum = (sum + mapping.physical + iova - mapping.start) % 1024;
        }
      },
    },
    baseline: {
      name: 'Map.get of the page',
      amount: LOOKUPS,
      run() {
        for (const iova of iovas) sum = (sum + pages.get(Math.floor(iova / 4096))! + (iova % 4096)) % 1024;
      },
    },
  };
}
