/** The emulated serial card of one mediated device, and its callbacks towards the VFIO core. */

import { viewOf, zeroedBytes } from '../../src/kernel/bytes.ts';
import { FaultInjection } from '../../src/kernel/fault-injection.ts';
import type { Process } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import {
  DEVICE_FLAGS,
  device_info,
  irq_info,
  MIG_STATE,
  type MigState,
  PCI_IRQ,
  PCI_REGION,
  VFIO,
} from '../../src/uapi/vfio.ts';
import { VfioDevice, type VfioDeviceOps } from '../../src/vfio/device.ts';
import { CONFIG_SIZE, SerialConfig } from './config.ts';
import { SerialIrqs } from './irqs.ts';
import { MTTY_LOG, MTTY_MIGRATION, MTTY_MIGRATION_FLAGS, reset, Session } from './migration.ts';
import { PORT_BYTES } from './registers.ts';
import { Uart } from './uart.ts';

const REGION_SHIFT = 40;
const REGION_BYTES = 2 ** REGION_SHIFT;
const READ_WRITE = 3;
/** GET_IRQ_INFO: eventfd, maskable and automasked; and for MSI eventfd, no resize. */
const IRQ_FLAGS = new Map<number, number>([
  [PCI_IRQ.INTX, 0x7],
  [PCI_IRQ.MSI, 0x9],
]);

export class Mtty {
  readonly ports: readonly Uart[];
  readonly config: SerialConfig;
  readonly irqs = new SerialIrqs();
  readonly vdev: VfioDevice<Mtty>;
  state: MigState = MIG_STATE.RUNNING;
  saving: Session | undefined;
  resuming: Session | undefined;

  private readonly faults: FaultInjection;

  constructor(uuid: string, ports: number, faults: FaultInjection = new FaultInjection()) {
    this.faults = faults;
    this.ports = Array.from({ length: ports }, () => new Uart(() => this.irqs.raise()));
    this.config = new SerialConfig(ports);
    this.vdev = new VfioDevice(uuid, OPS, this);
    this.vdev.migrationFlags = MTTY_MIGRATION_FLAGS;
    this.vdev.migOps = MTTY_MIGRATION;
    this.vdev.logOps = MTTY_LOG;
  }

  /** What a session takes, itself and its file, cannot be had (mtty_save_data_open). */
  noMemory(): boolean {
    return this.faults.allocation.fails() || this.faults.allocation.fails();
  }

  begin(side: 'read' | 'write'): Session {
    const session = new Session(this, side);
    if (side === 'read') this.saving = session;
    else this.resuming = session;
    return session;
  }

  endSessions(): void {
    this.saving?.end();
    this.resuming?.end();
    this.saving = this.resuming = undefined;
  }

  /** One aligned access of 1, 2 or 4 bytes to a region. */
  access(region: number, at: number, bytes: Uint8Array, write: boolean): boolean {
    if (region === PCI_REGION.CONFIG) {
      if (write) this.config.write(at, bytes);
      else this.config.read(at, bytes);
      return true;
    }
    const port = this.ports[region];
    if (port === undefined) return false;
    if (!write) bytes.fill(0);
    const register = at & (PORT_BYTES - 1);
    if (write) port.write(register, bytes[0]!);
    else bytes[0] = port.read(register);
    return true;
  }
}

/** Moves bytes in accesses as wide as alignment and rest allow: the count, or a negated errno. */
function move(
  device: Mtty,
  caller: Process,
  address: number,
  length: number,
  position: number,
  write: boolean,
): number {
  let done = 0;
  while (done < length) {
    const at = position + done;
    const left = length - done;
    const width = left >= 4 && at % 4 === 0 ? 4 : left >= 2 && at % 2 === 0 ? 2 : 1;
    const bytes = zeroedBytes(width);
    if (write && !caller.copyFromUserInto(address + done, bytes)) return -ERRNO.EFAULT;
    if (!device.access(Math.floor(at / REGION_BYTES), at % REGION_BYTES, bytes, write)) return -ERRNO.EFAULT;
    if (!write && !caller.copyToUser(address + done, bytes)) return -ERRNO.EFAULT;
    done += width;
  }
  return done;
}

function getInfo(device: Mtty, caller: Process, argument: number): number {
  const { at } = device_info;
  const size = at.num_irqs + 4;
  const bytes = caller.copyFromUser(argument, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  if (view.getUint32(at.argsz, true) < size) return -ERRNO.EINVAL;
  view.setUint32(at.flags, DEVICE_FLAGS.PCI, true);
  view.setUint32(at.num_regions, PCI_REGION.NUM, true);
  view.setUint32(at.num_irqs, PCI_IRQ.NUM, true);
  device.irqs.known = PCI_IRQ.NUM;
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}

function getIrqInfo(device: Mtty, caller: Process, argument: number): number {
  const { at, size } = irq_info;
  const bytes = caller.copyFromUser(argument, size);
  if (bytes === undefined) return -ERRNO.EFAULT;
  const view = viewOf(bytes);
  const index = view.getUint32(at.index, true);
  if (view.getUint32(at.argsz, true) < size || index >= device.irqs.known) return -ERRNO.EINVAL;
  const flags = IRQ_FLAGS.get(index);
  if (flags === undefined) return -ERRNO.EINVAL;
  view.setUint32(at.flags, flags, true);
  view.setUint32(at.count, 1, true);
  return caller.copyToUser(argument, bytes) ? 0 : -ERRNO.EFAULT;
}

const OPS: VfioDeviceOps<Mtty> = {
  name: 'vfio-mtty',
  resources: ({ saving, resuming }) => ({ sessions: (saving ? 1 : 0) + (resuming ? 1 : 0) }),
  close_device(device) {
    // The migration state stays: only its session goes.
    device.endSessions();
    device.irqs.disable();
  },
  ioctl(device, caller, command, argument) {
    switch (command) {
      case VFIO.DEVICE_GET_INFO:
        return getInfo(device, caller, argument);
      case VFIO.DEVICE_GET_IRQ_INFO:
        return getIrqInfo(device, caller, argument);
      case VFIO.DEVICE_SET_IRQS:
        return device.irqs.setIrqs(caller, argument);
      case VFIO.DEVICE_RESET:
        return reset(device);
      default:
        return -ERRNO.ENOTTY;
    }
  },
  read: (device, caller, address, length, position) => move(device, caller, address, length, position, false),
  write: (device, caller, address, length, position) => move(device, caller, address, length, position, true),
  get_region_info_caps(device, index, info) {
    if (index >= PCI_REGION.NUM) return -ERRNO.EINVAL;
    info.flags = READ_WRITE;
    info.offset = BigInt(index) << BigInt(REGION_SHIFT);
    info.size = BigInt(index === PCI_REGION.CONFIG ? CONFIG_SIZE : index < device.ports.length ? PORT_BYTES : 0);
    return 0;
  },
};
