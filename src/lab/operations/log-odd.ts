/** DMA_LOGGING_START with ranges that are to be refused: each of them by itself, or together. */
import { bytesOf, zeroedView } from '../../kernel/bytes.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { device_feature_dma_logging_control, FEATURE, FEATURE_FLAG } from '../../uapi/vfio.ts';
import { type Operation, whileOpen } from './operation.ts';

const { at, size: SIZE } = device_feature_dma_logging_control;
const PAGE = 0x1000n;
const { EINVAL, EOVERFLOW, E2BIG } = ERRNO;
/** Ranges that a call takes. */
const MOST = 256;

type Range = readonly [iova: bigint, length: bigint];
interface Odd {
  readonly ranges: readonly Range[];
  readonly errno: number;
  /** Said to be so many. */
  readonly count?: number;
}

const row = (count: number): readonly Range[] => Array.from({ length: count }, (_, i) => [BigInt(2 * i) * PAGE, PAGE]);

/** By number: places are kept (drivers/vfio/vfio_main.c: vfio_ioctl_device_feature_logging_start). */
const ODD: readonly Odd[] = [
  { ranges: [], errno: EINVAL },
  { ranges: row(MOST + 1), errno: E2BIG },
  {
    ranges: [
      [PAGE, 2n * PAGE],
      [2n * PAGE, PAGE],
    ],
    errno: EINVAL,
  },
  {
    ranges: [
      [2n * PAGE, PAGE],
      [PAGE, 2n * PAGE],
    ],
    errno: EINVAL,
  },
  {
    ranges: [
      [PAGE, 8n * PAGE],
      [3n * PAGE, PAGE],
    ],
    errno: EINVAL,
  },
  {
    ranges: [
      [PAGE, PAGE],
      [PAGE, PAGE],
    ],
    errno: EINVAL,
  },
  {
    ranges: [
      [PAGE, PAGE],
      [8n * PAGE + 0x800n, PAGE],
    ],
    errno: EINVAL,
  },
  { ranges: [[PAGE, PAGE + 1n]], errno: EINVAL },
  { ranges: [[2n ** 64n - PAGE, PAGE]], errno: EOVERFLOW },
  { ranges: [[2n ** 63n, 2n ** 63n + PAGE]], errno: EOVERFLOW },
  {
    ranges: [
      [PAGE, PAGE],
      [2n * PAGE, 2n ** 64n - PAGE],
    ],
    errno: EOVERFLOW,
  },
  { ranges: [[PAGE, PAGE]], errno: E2BIG, count: 0x8000_0001 },
];

const odd: Operation = {
  name: 'log_odd',
  needs: 'logging',
  args: ['kind'],
  weights: whileOpen(1),
  generate: (random) => ({ kind: random.below(ODD.length) }),
  run(tenant, { kind }, world) {
    const { ranges, errno, count } = ODD[kind! % ODD.length]!;
    const list = zeroedView(16 * Math.max(1, ranges.length));
    for (const [index, [iova, length]] of ranges.entries()) {
      list.setBigUint64(16 * index, iova, true);
      list.setBigUint64(16 * index + 8, length, true);
    }
    const where = tenant.scratch.address + 1024;
    tenant.process.memory.write(where, bytesOf(list));
    const result = tenant.device!.feature(FEATURE.DMA_LOGGING_START | FEATURE_FLAG.SET, SIZE, (view, base) => {
      view.setBigUint64(base + at.page_size, PAGE, true);
      view.setUint32(base + at.num_ranges, count ?? ranges.length, true);
      view.setBigUint64(base + at.ranges, BigInt(where), true);
    });
    world.checks.fsm.rangesAnswered(kind! % ODD.length, result, -errno);
    return result;
  },
};

export const LOG_ODD: readonly Operation[] = [odd];
