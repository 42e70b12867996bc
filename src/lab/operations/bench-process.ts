/** What happens to the memory behind mappings: it goes, it is replaced, its limit moves, the process is another. */
import { PAGE_SIZE } from '../../../sim/memory.ts';
import { agree } from '../bench/agree.ts';
import { ROW_STARTS } from '../bench/memory.ts';
import { type Operation, whileOpen } from './operation.ts';

/** munmap of one mapping of the row, or mmap with MAP_FIXED over it. */
const remap: Operation = {
  name: 'bench_remap',
  needs: 'bench',
  args: ['mapping', 'fresh'],
  weights: whileOpen(5),
  generate: (random) => ({ mapping: random.below(ROW_STARTS.length), fresh: random.chance(75) ? 1 : 0 }),
  run(tenant, { mapping, fresh }, world) {
    const { memory, process } = tenant.bench!;
    const at = memory.row + ROW_STARTS[mapping! % ROW_STARTS.length]! * PAGE_SIZE;
    const result = fresh ? (process.memory.replace(at) ? 0 : -22) : process.munmap(at);
    agree(world, tenant);
    return result;
  },
};

/** setrlimit: RLIMIT_MEMLOCK, in pages. */
const limit: Operation = {
  name: 'bench_limit',
  needs: 'bench',
  args: ['pages', 'helper'],
  weights: whileOpen(4),
  generate: (random) => ({
    pages: random.chance(40) ? 2048 : random.pick([0, 1, 2, 3, 5, 8, 13, 21]),
    helper: random.chance(25) ? 1 : 0,
  }),
  run(tenant, { pages, helper }) {
    const { process, helper: other } = tenant.bench!;
    (helper ? other : process).memlockLimit = pages! * PAGE_SIZE + (pages! & 1) * 100;
    return 0;
  },
};

/** execve: descriptors stay, the address space is another. */
const exec: Operation = {
  name: 'bench_exec',
  needs: 'bench',
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world) {
    tenant.bench!.exec();
    agree(world, tenant);
    return 0;
  },
};

/** A reset of the device whose BAR is mapped as a dma-buf. */
const revoke: Operation = {
  name: 'bench_revoke',
  needs: 'ioas',
  args: [],
  weights: whileOpen(2),
  generate: () => ({}),
  run(tenant, _args, world) {
    tenant.bench!.iommufd!.revoke();
    const result = tenant.device!.reset();
    agree(world, tenant);
    return result;
  },
};

export const BENCH_PROCESS: readonly Operation[] = [remap, limit, exec, revoke];
