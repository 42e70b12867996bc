/** BARs exported as dma-bufs, and importers in the kernel that attach to them. */
import { dmaBufOf } from '../../kernel/dma-buf.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { device_feature_dma_buf, FEATURE, FEATURE_FLAG, region_dma_range } from '../../uapi/vfio.ts';
import { atMost, type Operation, whileOpen } from './operation.ts';

const PAGE = 4096;
const MOST = 3;
/** Ranges of one export. */
const MOST_RANGES = 8;

const exportIt: Operation = {
  name: 'buf_export',
  needs: 'pci',
  args: ['bar', 'page', 'pages', 'ranges', 'full'],
  weights: whileOpen(4),
  generate: (random, { pci }) =>
    pci.buffers.length >= MOST
      ? undefined
      : {
          bar: random.below(7),
          page: random.pick([0, 1, 3, 4, 0x1f, 0xff, 0x100]),
          pages: random.pick([1, 1, 2, 4, 0x100, 0]),
          ranges: 1 + random.below(2),
          full: random.chance(15) ? 1 : 0,
        },
  run(tenant, { bar, page, pages, ranges: wanted, full }, world) {
    const ranges = atMost(MOST_RANGES, wanted);
    const { process, pci, fn } = tenant;
    const { size, at } = device_feature_dma_buf;
    const limit = process.files.limit;
    // A table without a free number.
    if (full) process.files.limit = 3;
    const fd = tenant.device!.feature(
      FEATURE.DMA_BUF | FEATURE_FLAG.GET,
      size + ranges * region_dma_range.size,
      (view, base) => {
        view.setUint32(base + at.region_index, bar!, true);
        view.setUint32(base + at.nr_ranges, ranges, true);
        for (let i = 0; i < ranges; i++) {
          const range = base + size + i * region_dma_range.size;
          view.setBigUint64(range + region_dma_range.at.offset, BigInt((page! + i * pages!) * PAGE), true);
          view.setBigUint64(range + region_dma_range.at.length, BigInt(pages! * PAGE), true);
        }
      },
    );
    process.files.limit = limit;
    if (fd < 0) return fd;
    pci.buffers.push({ fd, bar: bar!, detach: undefined, told: false, dead: false });
    const described = fn!.template.bars[bar!];
    const inside = described !== undefined && (page! + ranges * pages!) * PAGE <= described.size;
    if (!inside || described.claimed || described.kind === 'io') world.checks.dma.exported(bar!, page!, pages!);
    return 0;
  },
};

/** How an importer comes: as it should, without addresses on the bus, without a way to be told. */
const IMPORTERS = [
  { peer2peer: true, tellable: true },
  { peer2peer: false, tellable: true },
  { peer2peer: true, tellable: false },
] as const;

const attach: Operation = {
  name: 'buf_attach',
  needs: 'pci',
  args: ['which', 'kind'],
  weights: whileOpen(4),
  generate: (random, { pci }) =>
    pci.buffers.length === 0
      ? undefined
      : { which: random.below(pci.buffers.length), kind: random.below(IMPORTERS.length) },
  run(tenant, { which, kind }, world) {
    const held = tenant.pci.buffers[which!];
    const file = held && tenant.process.file(held.fd)?.file;
    if (held === undefined || file === undefined || held.detach !== undefined) return -ERRNO.EBADF;
    const { peer2peer, tellable } = IMPORTERS[kind! % IMPORTERS.length]!;
    const attached = dmaBufOf(file)!.attach(tellable ? { peer2peer, moved: () => (held.told = true) } : { peer2peer });
    if (typeof attached === 'number') return attached;
    held.detach = attached;
    held.told = false;
    if (!tellable || !peer2peer) world.checks.dma.attachedFast(held.bar);
    return 0;
  },
};

const closeIt: Operation = {
  name: 'buf_close',
  needs: 'pci',
  args: ['which'],
  weights: [3, 2, 2, 2, 2, 2, 2, 2],
  generate: (random, { pci }) => (pci.buffers.length === 0 ? undefined : { which: random.below(pci.buffers.length) }),
  run(tenant, { which }) {
    const [held] = tenant.pci.buffers.splice(which!, 1);
    if (held === undefined) return -ERRNO.EBADF;
    held.detach?.();
    return tenant.process.close(held.fd);
  },
};

export const DMA_BUF_OPERATIONS: readonly Operation[] = [exportIt, attach, closeIt];
