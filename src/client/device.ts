/** An open VFIO device for programs. Values are results or negated errnos, as at the door. */
import { bytesOf, zeroedView } from '../kernel/bytes.ts';
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import {
  device_feature,
  device_feature_dma_logging_control,
  device_feature_dma_logging_report,
  device_feature_mig_state,
  device_info,
  FEATURE,
  FEATURE_FLAG,
  IRQ_SET,
  irq_info,
  irq_set,
  precopy_info,
  region_info,
  VFIO,
} from '../uapi/vfio.ts';
import { number64, setNumber64 } from './container.ts';
import type { Scratch } from './scratch.ts';

/** File offset of a region's first byte. */
export const regionOffset = (index: number): number => index * 0x100_0000_0000;

/** What GET_REGION_INFO says, without capabilities. */
export interface RegionClientInfo {
  readonly flags: number;
  readonly size: number;
  readonly offset: number;
}

/** IOVAs whose writes are logged, in bytes. */
export interface LogRange {
  readonly iova: number;
  readonly length: number;
}

/** The answer of MIG_DEVICE_STATE. */
export interface StateAnswer {
  readonly result: number;
  readonly state: number;
  readonly dataFd: number;
}

/** The answer of MIG_GET_PRECOPY_INFO: bytes that are left. */
export interface PrecopyAnswer {
  readonly result: number;
  readonly flags: number;
  readonly initial: number;
  readonly dirty: number;
}

/** One device fd of a process. Arguments go through its scratch memory. */
export class DeviceClient {
  readonly process: Process;
  readonly fd: number;
  private readonly scratch: Scratch;

  constructor(process: Process, fd: number, scratch: Scratch) {
    this.process = process;
    this.fd = fd;
    this.scratch = scratch;
  }

  close(): number {
    return this.process.close(this.fd);
  }

  reset(): number {
    return this.process.ioctl(this.fd, VFIO.DEVICE_RESET, 0);
  }

  info(): { flags: number; regions: number; irqs: number } | number {
    const { at, size } = device_info;
    this.scratch.begin(size).setUint32(at.argsz, size, true);
    const result = this.process.ioctl(this.fd, VFIO.DEVICE_GET_INFO, this.scratch.put(size));
    if (result < 0) return result;
    const view = this.scratch.take(size);
    return {
      flags: view.getUint32(at.flags, true),
      regions: view.getUint32(at.num_regions, true),
      irqs: view.getUint32(at.num_irqs, true),
    };
  }

  regionInfo(index: number): RegionClientInfo | number {
    const { at, size } = region_info;
    const view = this.scratch.begin(size);
    view.setUint32(at.argsz, size, true);
    view.setUint32(at.index, index, true);
    const result = this.process.ioctl(this.fd, VFIO.DEVICE_GET_REGION_INFO, this.scratch.put(size));
    if (result < 0) return result;
    this.scratch.take(size);
    return { flags: view.getUint32(at.flags, true), size: number64(view, at.size), offset: number64(view, at.offset) };
  }

  irqInfo(index: number): { flags: number; count: number } | number {
    const { at, size } = irq_info;
    const view = this.scratch.begin(size);
    view.setUint32(at.argsz, size, true);
    view.setUint32(at.index, index, true);
    const result = this.process.ioctl(this.fd, VFIO.DEVICE_GET_IRQ_INFO, this.scratch.put(size));
    if (result < 0) return result;
    this.scratch.take(size);
    return { flags: view.getUint32(at.flags, true), count: view.getUint32(at.count, true) };
  }

  /** Reads region bytes into the scratch memory; the view holds them at 0. The count, or an errno. */
  readRegion(index: number, offset: number, length: number): number {
    const result = this.process.pread(this.fd, this.scratch.room(length), length, regionOffset(index) + offset);
    if (result > 0) this.scratch.take(result);
    return result;
  }

  /** The bytes of the last read. */
  bytes(length: number): Uint8Array {
    return this.scratch.bytes.subarray(0, length);
  }

  /** A register of 1, 2 or 4 bytes, or a negated errno. */
  read(index: number, offset: number, width: 1 | 2 | 4): number {
    const result = this.readRegion(index, offset, width);
    if (result < 0) return result;
    const view = this.scratch.view;
    return width === 4 ? view.getUint32(0, true) : width === 2 ? view.getUint16(0, true) : view.getUint8(0);
  }

  write(index: number, offset: number, width: 1 | 2 | 4, value: number): number {
    const view = this.scratch.begin(4);
    view.setUint32(0, value >>> 0, true);
    return this.process.pwrite(this.fd, this.scratch.put(4), width, regionOffset(index) + offset);
  }

  writeRegion(index: number, offset: number, bytes: Uint8Array): number {
    return this.process.pwrite(this.fd, this.scratch.load(bytes), bytes.length, regionOffset(index) + offset);
  }

  /** SET_IRQS with eventfds; an empty list with DATA_NONE and TRIGGER disables the index. */
  setIrqs(index: number, start: number, eventfds: readonly number[], flags?: number): number {
    const length = irq_set.size + 4 * eventfds.length;
    const view = this.scratch.begin(length);
    const { at } = irq_set;
    const how = flags ?? (eventfds.length ? IRQ_SET.DATA_EVENTFD : IRQ_SET.DATA_NONE) | IRQ_SET.ACTION_TRIGGER;
    view.setUint32(at.argsz, length, true);
    view.setUint32(at.flags, how, true);
    view.setUint32(at.index, index, true);
    view.setUint32(at.start, start, true);
    view.setUint32(at.count, eventfds.length, true);
    for (const [i, fd] of eventfds.entries()) view.setInt32(irq_set.size + 4 * i, fd, true);
    return this.process.ioctl(this.fd, VFIO.DEVICE_SET_IRQS, this.scratch.put(length));
  }

  /** Any VFIO_DEVICE_FEATURE call with a payload of numbers; the view then holds the struct from 0. */
  feature(flags: number, payload: number, fill?: (view: DataView, at: number) => void): number {
    return this.process.finish(this.featureCall(flags, payload, fill));
  }

  /** The call itself, for callers that interleave. */
  featureCall(flags: number, payload: number, fill?: (view: DataView, at: number) => void): Result {
    const length = device_feature.size + payload;
    const view = this.scratch.begin(length);
    view.setUint32(device_feature.at.argsz, length, true);
    view.setUint32(device_feature.at.flags, flags >>> 0, true);
    fill?.(view, device_feature.size);
    return this.process.ioctlCall(this.fd, VFIO.DEVICE_FEATURE, this.scratch.put(length));
  }

  /** VFIO_MIGRATION_* flags, or an errno. */
  migrationFlags(): number {
    const result = this.feature(FEATURE.MIGRATION | FEATURE_FLAG.GET, 8);
    return result < 0 ? result : this.scratch.take(16).getUint32(device_feature.size, true);
  }

  setState(state: number): StateAnswer {
    const call = this.feature(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.SET, device_feature_mig_state.size, (view, at) =>
      view.setUint32(at, state, true),
    );
    return this.stateAnswer(call);
  }

  getState(): StateAnswer {
    return this.stateAnswer(this.feature(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.GET, device_feature_mig_state.size));
  }

  /** Decodes what a MIG_DEVICE_STATE call left behind. */
  stateAnswer(result: number): StateAnswer {
    const view = this.scratch.take(device_feature.size + device_feature_mig_state.size);
    return {
      result,
      state: view.getUint32(device_feature.size, true),
      dataFd: view.getInt32(device_feature.size + 4, true),
    };
  }

  /** MIG_DATA_SIZE: bytes, or an errno. */
  dataSize(): number {
    const result = this.feature(FEATURE.MIG_DATA_SIZE | FEATURE_FLAG.GET, 8);
    return result < 0 ? result : number64(this.scratch.take(16), device_feature.size);
  }

  /** VFIO_MIG_GET_PRECOPY_INFO on a data fd; flags are as given first, else zero. */
  precopyInfo(dataFd: number, flags = 0): PrecopyAnswer {
    return this.precopyAnswer(this.process.finish(this.precopyInfoCall(dataFd, flags)));
  }

  /** Decodes what such a call left behind. */
  precopyAnswer(result: number): PrecopyAnswer {
    const { at, size } = precopy_info;
    const view = this.scratch.take(size);
    return {
      result,
      flags: view.getUint32(at.flags, true),
      initial: number64(view, at.initial_bytes),
      dirty: number64(view, at.dirty_bytes),
    };
  }

  /** The call itself, for callers that interleave. */
  precopyInfoCall(dataFd: number, flags = 0): Result {
    const { at, size } = precopy_info;
    const view = this.scratch.begin(size);
    view.setUint32(at.argsz, size, true);
    view.setUint32(at.flags, flags, true);
    return this.process.ioctlCall(dataFd, VFIO.MIG_GET_PRECOPY_INFO, this.scratch.put(size));
  }

  /** DMA_LOGGING_START over one range; the page size in force, or an errno. */
  startLogging(iova: number, length: number, pageSize = 4096): number {
    return this.startLoggingRanges([{ iova, length }], pageSize);
  }

  /** DMA_LOGGING_START over several ranges; the page size in force, or an errno. */
  startLoggingRanges(list: readonly LogRange[], pageSize = 4096): number {
    return this.loggingPageSize(this.process.finish(this.startLoggingCall(list, pageSize)));
  }

  /** The call itself, for callers that interleave. */
  startLoggingCall(list: readonly LogRange[], pageSize: number): Result {
    const { at, size } = device_feature_dma_logging_control;
    const ranges = this.scratch.address + 1024;
    const range = zeroedView(16 * Math.max(1, list.length));
    for (const [index, { iova, length }] of list.entries()) {
      setNumber64(range, 16 * index, iova);
      setNumber64(range, 16 * index + 8, length);
    }
    this.process.memory.write(ranges, bytesOf(range));
    return this.featureCall(FEATURE.DMA_LOGGING_START | FEATURE_FLAG.SET, size, (view, base) => {
      setNumber64(view, base + at.page_size, pageSize);
      view.setUint32(base + at.num_ranges, list.length, true);
      setNumber64(view, base + at.ranges, ranges);
    });
  }

  /** The page size that a DMA_LOGGING_START call left behind, or its errno. */
  loggingPageSize(result: number): number {
    const { at, size } = device_feature_dma_logging_control;
    return result < 0 ? result : number64(this.scratch.take(8 + size), 8 + at.page_size);
  }

  stopLogging(): number {
    return this.process.finish(this.stopLoggingCall());
  }

  /** The call itself, for callers that interleave. */
  stopLoggingCall(): Result {
    return this.featureCall(FEATURE.DMA_LOGGING_STOP | FEATURE_FLAG.SET, 0);
  }

  /** DMA_LOGGING_REPORT; the dirty bitmap (one bit a page from `iova`), or an errno. `at`: where in its memory it is put. */
  reportLogging(iova: number, length: number, pageSize = 4096, at = BITMAP): Uint8Array | number {
    const bytes = bitmapBytes(length, pageSize);
    const result = this.process.finish(this.reportLoggingCall(iova, length, pageSize, at));
    return result < 0 ? result : this.process.memory.read(this.scratch.address + at, bytes)!;
  }

  /** The call itself, for callers that interleave. */
  reportLoggingCall(iova: number, length: number, pageSize: number, place = BITMAP): Result {
    const { at, size } = device_feature_dma_logging_report;
    const bitmap = this.scratch.address + place;
    this.process.memory.write(bitmap, new Uint8Array(bitmapBytes(length, pageSize)));
    return this.featureCall(FEATURE.DMA_LOGGING_REPORT | FEATURE_FLAG.GET, size, (view, base) => {
      setNumber64(view, base + at.iova, iova);
      setNumber64(view, base + at.length, length);
      setNumber64(view, base + at.page_size, pageSize);
      setNumber64(view, base + at.bitmap, bitmap);
    });
  }
}

/** Where in the scratch memory a bitmap is put. */
const BITMAP = 2048;
/** 64-bit words with a bit a page. */
const bitmapBytes = (length: number, pageSize: number): number => Math.max(8, Math.ceil(length / pageSize / 64) * 8);
