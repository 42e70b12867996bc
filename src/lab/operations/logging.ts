/** DMA logging. A report may mark too much, never too little. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { type Operation, whileOpen } from './operation.ts';

/** Bytes of a report at most. */
const REPORTED = 64 * PAGE_SIZE;
/** Pages of ranges that a device may be unable to track: 2^48 bytes, a page more, 2^52. */
const BEYOND = [2 ** 36, 2 ** 36 + 1, 2 ** 40];

const start: Operation = {
  name: 'log_start',
  needs: 'logging',
  args: ['iova', 'pages', 'pageSize'],
  weights: whileOpen(1),
  generate: (random, tenant) => ({
    iova:
      tenant.shadow.size > 0 && random.chance(80)
        ? random.pick(tenant.shadow.items).start
        : PAGE_SIZE * random.below(16),
    pages: random.pick(random.chance(90) ? [1, 4, 16, 32, 64] : BEYOND),
    pageSize: random.pick([4096, 4096, 4096, 8192, 2048, 0, 3]),
  }),
  run(tenant, { iova, pages, pageSize }, world) {
    const result = tenant.device!.startLogging(iova!, pages! * PAGE_SIZE, pageSize!);
    if (result >= 0) {
      tenant.logging = { iova: iova!, length: Math.min(pages! * PAGE_SIZE, REPORTED) };
      world.checks.dirty.begin(tenant);
    }
    return result;
  },
};

const stop: Operation = {
  name: 'log_stop',
  needs: 'logging',
  args: [],
  weights: whileOpen(1),
  generate: () => ({}),
  run(tenant) {
    const result = tenant.device!.stopLogging();
    if (result === 0) tenant.logging = undefined;
    return result;
  },
};

const report: Operation = {
  name: 'log_report',
  needs: 'logging',
  args: [],
  weights: whileOpen(6),
  generate: (random, tenant) => (tenant.logging || random.chance(10) ? {} : undefined),
  run(tenant, _args, world) {
    const range = tenant.logging ?? { iova: 0, length: REPORTED };
    const bitmap = tenant.device!.reportLogging(range.iova, range.length);
    if (typeof bitmap === 'number') return bitmap;
    world.observe(tenant, bitmap);
    world.checks.dirty.reported(tenant, range.iova, range.length, bitmap);
    return 0;
  },
};

export const LOGGING: readonly Operation[] = [start, stop, report];
