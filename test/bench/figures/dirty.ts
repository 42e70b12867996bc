/** Reports of dirty pages: a VF's writes through the card's tracker, and type1's own bitmap of a mapping. */
import type { PageTracker } from '../../../sim/devices/mlx5/page-tracker.ts';
import { setNumber64 } from '../../../src/client/index.ts';
import { device_feature_dma_logging_report, FEATURE, FEATURE_FLAG } from '../../../src/uapi/vfio.ts';
import { DirtyBitmap } from '../../../src/vfio/type1/dirty-bitmap.ts';
import { Site } from '../../e2e/site.ts';
import type { Figure, Work } from '../figure.ts';

const PAGE = 4096;
/** The tracked range: 1 TiB, whose bitmap is 32 MiB. */
const SPREAD = 2 ** 40;
const BITMAP = SPREAD / PAGE / 8;

/** Marks `dirty` bits of a bitmap with nothing around it. */
function bareBits(dirty: number): Work {
  const bits = new Uint8Array(BITMAP);
  return {
    name: 'setting a bit',
    amount: dirty,
    run() {
      for (let n = 0; n < dirty; n++) {
        const bit = (n * SPREAD) / PAGE / dirty;
        bits[bit >> 3]! |= 1 << (bit & 7);
      }
    },
  };
}

/** VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT. */
export function loggingReport(dirty: number): Figure {
  const site = new Site();
  const { process, device } = site.vm();
  if (device.startLogging(0, SPREAD) !== PAGE) throw new Error('no tracking');
  const [tracker] = site.card.firmware.objects.tracker.values() as readonly [PageTracker];
  const bitmap = process.memory.allocate(BITMAP);
  const { at, size } = device_feature_dma_logging_report;
  return {
    name: `DMA_LOGGING_REPORT, one of ${dirty.toLocaleString('en-US')} dirty pages in 1 TiB`,
    unit: 'µs',
    subject: {
      name: 'writes and their report',
      amount: dirty,
      run() {
        for (let n = 0; n < dirty; n++) tracker!.record((n * SPREAD) / dirty, 1);
        const result = device.feature(FEATURE.DMA_LOGGING_REPORT | FEATURE_FLAG.GET, size, (view, base) => {
          setNumber64(view, base + at.iova, 0);
          setNumber64(view, base + at.length, SPREAD);
          setNumber64(view, base + at.page_size, PAGE);
          setNumber64(view, base + at.bitmap, bitmap);
        });
        if (result < 0 || tracker!.dirtyPages !== 0) throw new Error(`no report: ${result}`);
      },
    },
    baseline: bareBits(dirty),
  };
}

/** The bitmap behind VFIO_IOMMU_DIRTY_PAGES: it is handed over whole, as the kernel does. */
export function type1Bitmap(dirty: number): Figure {
  const user = new Uint8Array(BITMAP);
  const pages = SPREAD / PAGE;
  return {
    name: `type1 bitmap, one of ${dirty.toLocaleString('en-US')} dirty pages in 1 TiB`,
    unit: 'µs',
    subject: {
      name: 'marks and their report',
      amount: dirty,
      run() {
        const bits = new DirtyBitmap(pages);
        for (let n = 0; n < dirty; n++) bits.mark((n * pages) / dirty, 1);
        bits.copyOut(0, (offset, bytes) => {
          user.set(bytes, offset);
          return true;
        });
      },
    },
    baseline: {
      name: 'setting a bit, and one copy of all',
      amount: dirty,
      run: copyOf(bareBits(dirty), user),
    },
  };
}

function copyOf(bits: Work, user: Uint8Array): () => void {
  const other = new Uint8Array(user.length);
  return () => {
    bits.run();
    user.set(other);
  };
}
