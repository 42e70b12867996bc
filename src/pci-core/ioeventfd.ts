/** ioeventfds: a register write done by the kernel when an eventfd is signalled (vfio_pci_rdwr.c: vfio_pci_ioeventfd). */
import { DONE, type Task } from '../../sim/scheduler.ts';
import type { Result } from '../kernel/file.ts';
import type { BarAccess } from '../kernel/pci/device.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { device_ioeventfd, IOEVENTFD, PCI_REGION } from '../uapi/vfio.ts';
import type { VfioPciCoreDevice } from './core-device.ts';
import { enableVirqfd, type Virqfd } from './interrupts/virqfd.ts';
import { __vfio_pci_memory_enabled } from './memory-enabled.ts';
import { offsetInRegion, offsetToIndex } from './region-offset.ts';

/** VFIO_PCI_IOEVENTFD_MAX... of one device. */
const MAX_IOEVENTFDS = 1000;
/** Bytes up to fd: the reserved word is not asked for. */
const MIN_SIZE = device_ioeventfd.at.reserved;
const WIDTHS: ReadonlySet<number> = new Set([IOEVENTFD.X8, IOEVENTFD.X16, IOEVENTFD.X32, IOEVENTFD.X64]);

interface IoEventFd {
  readonly bar: number;
  readonly position: number;
  readonly data: bigint;
  readonly width: number;
  readonly hook: Virqfd;
}

/** The ioeventfds of one device. */
export class IoEventFds {
  private readonly core: VfioPciCoreDevice;
  /** An entry stays when its eventfd is closed: only fd -1 takes it away. */
  private list: IoEventFd[] = [];

  constructor(core: VfioPciCoreDevice) {
    this.core = core;
  }

  get size(): number {
    return this.list.length;
  }

  /** VFIO_DEVICE_IOEVENTFD. */
  ioctl(caller: Process, argument: number): Result {
    const bytes = caller.copyFromUser(argument, MIN_SIZE);
    if (bytes === undefined) return -ERRNO.EFAULT;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const { at } = device_ioeventfd;
    const flags = view.getUint32(at.flags, true);
    if (view.getUint32(at.argsz, true) < MIN_SIZE || flags & ~IOEVENTFD.SIZE_MASK) return -ERRNO.EINVAL;
    const fd = view.getInt32(at.fd, true);
    if (!WIDTHS.has(flags) || fd < -1) return -ERRNO.EINVAL;
    const offset = Number(view.getBigUint64(at.offset, true));
    return this.set(caller, offset, view.getBigUint64(at.data, true), flags, fd);
  }

  /** vfio_pci_ioeventfd: registers, or with fd -1 removes. */
  set(caller: Process, offset: number, data: bigint, width: number, fd: number): Result {
    const { core } = this;
    const bar = offsetToIndex(offset, core.offsetShift);
    const position = offsetInRegion(offset, core.offsetShift);
    if (bar > PCI_REGION.BAR5 || position + width > core.pdev.resources[bar]!.length) return -ERRNO.EINVAL;
    const table = core.msixOffset + core.msixSize;
    if (bar === core.msixBar && position < table && position + width > core.msixOffset) return -ERRNO.EINVAL;
    const error = core.bars.reserved(bar);
    if (error < 0) return error;
    const found = this.list.findIndex(
      (e) => e.position === position && e.bar === bar && e.data === data && e.width === width,
    );
    if (found >= 0) return fd === -1 ? this.remove(found) : -ERRNO.EEXIST;
    if (fd < 0) return -ERRNO.ENODEV;
    if (this.list.length >= MAX_IOEVENTFDS) return -ERRNO.ENOSPC;
    if (caller.faults.allocation.fails()) return -ERRNO.ENOMEM;
    // Ports are there whatever becomes of memory.
    const lock = core.pdev.resources[bar]!.io ? undefined : core.memoryLock;
    const write = (): void => this.write(bar, position, data, width);
    const hook = enableVirqfd(caller, fd, core.pdev.scheduler, undefined, {
      handler() {
        if (lock?.locked === true) return true;
        write();
        return false;
      },
      thread: write,
      lock,
    });
    if (typeof hook === 'number') return hook;
    this.list.push({ bar, position, data, width, hook });
    return 0;
  }

  /** At close: no reset is under way then. */
  clear(): void {
    for (const entry of this.list) entry.hook.disable();
    this.list = [];
  }

  private remove(at: number): Result {
    const flushed = this.list.splice(at, 1)[0]!.hook.disable();
    return flushed === DONE ? 0 : removed(flushed);
  }

  /** vfio_pci_ioeventfd_do_write: nothing while memory is disabled. */
  private write(bar: number, position: number, data: bigint, width: number): void {
    const { core } = this;
    if (core.pdev.resources[bar]!.io || __vfio_pci_memory_enabled(core))
      writeData(core.bars.registers(bar), position, data, width);
  }
}

/** A write that waits for the end of a reset is done before its eventfd is let go. */
function* removed(flushed: Task<void>): Task<number> {
  yield* flushed;
  return 0;
}

function writeData(io: BarAccess, position: number, data: bigint, width: number): void {
  const low = Number(data & 0xffff_ffffn);
  if (width < 8) io.write(position, width, width === 4 ? low : low & ((1 << (8 * width)) - 1));
  else if (io.write8 !== undefined) io.write8(position, [low, Number(data >> 32n)]);
  else {
    io.write(position, 4, low);
    io.write(position + 4, 4, Number(data >> 32n));
  }
}
