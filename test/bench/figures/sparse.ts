/**
 * Type1 mappings of 2 MiB spread over 1 TiB, made and removed in an order of no pattern: what each takes of memory and of
 * time. Measured with a number of mappings and with twice that, it is the same if costs follow the mappings.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from '../../../src/lab/random.ts';
import { Site } from '../../e2e/site.ts';
import { type Measured, resultOf } from '../figure.ts';

const BYTES = 0x20_0000;
/** The upper half of 2 TiB, so that no address needs less than 41 bits. */
const FIRST = 2 ** 40;
const SPREAD = 2 ** 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap that are in use. */
function heap(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** The IOVAs, each once. */
function places(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => FIRST + (i * SPREAD) / count);
  const random = new Random(1);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Bytes that stay and seconds it takes, each for one of `count`. */
function costs(count: number, work: () => unknown): { bytes: number; seconds: number } {
  const before = heap();
  const start = performance.now();
  const kept = work();
  const seconds = (performance.now() - start) / 1000 / count;
  const bytes = (heap() - before) / count;
  if (kept === undefined) throw new Error('nothing was made');
  return { bytes, seconds };
}

export function sparse(count: number): Measured[] {
  const iovas = places(count);
  const bare = costs(count, () => new Map(iovas.map((iova) => [iova, { iova, vaddr: iova, size: BYTES, flags: 3 }])));
  const vm = new Site(1, {}, { dmaEntryLimit: count + 1 }).vm();
  vm.process.memlockLimit = Number.POSITIVE_INFINITY;
  const buffer = vm.process.memory.allocate(BYTES);
  const each = (call: (iova: number) => number, expected: number) => (): unknown => {
    for (const iova of iovas) if (call(iova) !== expected) throw new Error('refused');
    return vm;
  };
  const mapped = costs(
    count,
    each((iova) => vm.container.map(buffer, iova, BYTES), 0),
  );
  const unmapped = costs(
    count,
    each((iova) => vm.container.unmap(iova, BYTES), BYTES),
  );
  const among = `one of ${count.toLocaleString('en-US')} mappings over 1 TiB`;
  const baseline = { name: 'an entry of a Map', seconds: bare.seconds };
  return [
    {
      name: `heap of ${among}`,
      unit: 'bytes',
      value: mapped.bytes,
      baseline: { name: baseline.name, value: bare.bytes },
      timesBaseline: mapped.bytes / bare.bytes,
    },
    resultOf(`making ${among}`, 'µs', mapped.seconds, baseline),
    resultOf(`removing ${among}`, 'µs', unmapped.seconds, baseline),
  ];
}
