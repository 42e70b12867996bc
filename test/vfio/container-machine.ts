/** A machine with a VFIO core and nothing else: groups of fake devices, and users that reach them through the door. */
import { Iommu } from '../../sim/iommu/iommu.ts';
import { PhysicalMemory } from '../../sim/memory.ts';
import type { IommuDescription } from '../../sim/pci/description.ts';
import { Scheduler } from '../../sim/scheduler.ts';
import { AddressSpace } from '../../src/kernel/address-space.ts';
import { Devfs } from '../../src/kernel/devfs.ts';
import { IommuGroup } from '../../src/kernel/iommu-group.ts';
import { type Capability, Process } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import type { VfioContainer } from '../../src/vfio/container.ts';
import { VfioCore } from '../../src/vfio/core.ts';
import { VfioDevice, type VfioDeviceOps } from '../../src/vfio/device.ts';
import type { Type1 } from '../../src/vfio/type1/type1.ts';

/** The IOMMU of the recorded machine. */
export const RECORDED_IOMMU: IommuDescription = {
  aperture: [0, 0xffff_ffff_ffff],
  pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
};
export const ROOT: readonly Capability[] = ['CAP_SYS_RAWIO', 'CAP_IPC_LOCK', 'CAP_SYS_RESOURCE', 'CAP_SYS_ADMIN'];
/** Nothing is ever mapped here. */
export const UNMAPPED = 0x1000;

export interface TestParameters {
  noiommu: boolean;
  allowUnsafeInterrupts: boolean;
  dmaEntryLimit: number;
}

export class TestMachine {
  readonly memory = new PhysicalMemory();
  readonly scheduler = new Scheduler();
  readonly devfs = new Devfs();
  readonly parameters: TestParameters = { noiommu: false, allowUnsafeInterrupts: false, dmaEntryLimit: 65535 };
  readonly core = new VfioCore({ devfs: this.devfs, scheduler: this.scheduler, parameters: this.parameters });
  readonly iommu: Iommu;

  constructor(iommu: Partial<IommuDescription> = {}) {
    this.iommu = new Iommu({ ...RECORDED_IOMMU, ...iommu });
  }

  user(name = 'user', capabilities: readonly Capability[] = ROOT): User {
    const process = new Process(
      name,
      new AddressSpace(this.memory, name),
      this.scheduler,
      {
        open: (caller, path, how) => this.devfs.open(caller, path, how),
        readlink: () => -ERRNO.ENOENT,
        readdir: () => -ERRNO.ENOENT,
      },
      capabilities,
    );
    return new User(process);
  }

  group(id: number, iommu: Iommu = this.iommu): IommuGroup {
    return new IommuGroup(id, iommu);
  }

  /** A device in a real group of its own, or in `group`. */
  device(name: string, group: IommuGroup, ops: Partial<VfioDeviceOps<unknown>> = {}): VfioDevice {
    const device = new VfioDevice<unknown>(name, { name: 'fake-vfio-pci', ...ops }, undefined);
    const error = this.core.registerDevice(device, group);
    if (error !== 0) throw new Error(`registration: ${error}`);
    return device;
  }

  emulated(name: string, ops: Partial<VfioDeviceOps<unknown>> = {}): VfioDevice {
    const device = new VfioDevice<unknown>(name, { name: 'fake-mdev', ...ops }, undefined);
    this.core.registerDevice(device, undefined, 'emulated');
    return device;
  }

  /** A real device that no IOMMU translates for. */
  untranslated(name: string): VfioDevice {
    this.parameters.noiommu = true;
    const device = new VfioDevice<unknown>(name, { name: 'fake-vfio-pci' }, undefined);
    this.core.registerDevice(device, undefined);
    return device;
  }

  /** A user with device `a` of group 1 opened through a container of type 1 or 3. */
  opened(type: number = EXTENSION.TYPE1v2_IOMMU, capabilities?: readonly Capability[]): Opened {
    const iommuGroup = this.group(1);
    const device = this.device('a', iommuGroup);
    const user = this.user('user', capabilities);
    const container = user.open('/dev/vfio/vfio');
    const group = user.open('/dev/vfio/1');
    expectZero(user.setContainer(group, container), 'SET_CONTAINER');
    expectZero(user.process.ioctl(container, VFIO.SET_IOMMU, type), 'SET_IOMMU');
    return { user, device, iommuGroup, container, group, fd: user.deviceFd(group, 'a') };
  }
}

export interface Opened {
  readonly user: User;
  readonly device: VfioDevice;
  readonly iommuGroup: IommuGroup;
  readonly container: number;
  readonly group: number;
  readonly fd: number;
}

/** A process, and a page for the arguments of its calls. */
export class User {
  readonly process: Process;
  /** Address of a page for arguments. */
  readonly page: number;

  constructor(process: Process) {
    this.process = process;
    this.page = process.memory.allocate(0x1000);
  }

  open(path: string): number {
    return this.process.open(path);
  }

  close(fd: number): number {
    return this.process.close(fd);
  }

  /** An ioctl whose argument is `bytes` at {@link page}. */
  call(fd: number, command: number, bytes: Uint8Array): number {
    this.process.memory.write(this.page, bytes);
    return this.process.ioctl(fd, command, this.page);
  }

  setContainer(group: number, container: number): number {
    return this.call(group, VFIO.GROUP_SET_CONTAINER, u32(container));
  }

  deviceFd(group: number, name: string): number {
    return this.call(group, VFIO.GROUP_GET_DEVICE_FD, text(name));
  }

  map(fd: number, iova: bigint | number, size: bigint | number, vaddr: bigint | number, flags = 3, argsz = 32): number {
    return this.call(fd, VFIO.IOMMU_MAP_DMA, bytes(u32(argsz, flags), u64(vaddr, iova, size)));
  }

  /** The errno, or the size field afterwards. */
  unmap(fd: number, iova: bigint | number, size: bigint | number, flags = 0, argsz = 24): number {
    const error = this.call(fd, VFIO.IOMMU_UNMAP_DMA, bytes(u32(argsz, flags), u64(iova, size)));
    return error < 0 ? error : Number(this.u64(16));
  }

  /** UNMAP_DMA with GET_DIRTY_BITMAP. */
  unmapDirty(fd: number, iova: number, size: number, bitmap: number, length = 8, pageSize = 4096): number {
    const request = bytes(u32(48, 1), u64(iova, size, pageSize, length, bitmap));
    const error = this.call(fd, VFIO.IOMMU_UNMAP_DMA, request);
    return error < 0 ? error : Number(this.u64(16));
  }

  dirty(fd: number, flags: number): number {
    return this.call(fd, VFIO.IOMMU_DIRTY_PAGES, u32(8, flags));
  }

  getDirty(fd: number, iova: bigint | number, size: bigint | number, bitmap: number, length = 8, pageSize = 4096) {
    const request = bytes(u32(48, 4), u64(iova, size, pageSize, length, bitmap));
    return this.call(fd, VFIO.IOMMU_DIRTY_PAGES, request);
  }

  /** GET_INFO: its result, and the 200 bytes around the struct afterwards. */
  info(fd: number, argsz = 200, fill = 0): { ret: number; bytes: Uint8Array } {
    const request = new Uint8Array(200).fill(fill);
    request.set(u32(argsz, 0));
    const ret = this.call(fd, VFIO.IOMMU_GET_INFO, request);
    return { ret, bytes: this.process.memory.read(this.page, 200)! };
  }

  /** The u64 at `offset` of the argument page, or of another address. */
  u64(offset: number, base = this.page): bigint {
    return new DataView(this.process.memory.read(base + offset, 8)!.buffer).getBigUint64(0, true);
  }

  put(address: number, ...values: (bigint | number)[]): void {
    this.process.memory.write(address, u64(...values));
  }
}

/** The type1 state behind a container fd. */
export function type1Of(user: User, container: number): Type1 {
  return (user.process.file(container)!.file as VfioContainer).backend as Type1;
}

export function u32(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values, (value) => value >>> 0).buffer);
}

export function u64(...values: (bigint | number)[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values, (value) => BigInt(value)).buffer);
}

export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, 'latin1');
}

export function bytes(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

function expectZero(result: number, what: string): void {
  if (result !== 0) throw new Error(`${what}: ${result}`);
}

/** A v2 container with 4 MiB of memory to map. */
export function v2(capabilities?: []) {
  const machine = new TestMachine();
  const opened = machine.opened(EXTENSION.TYPE1v2_IOMMU, capabilities);
  return { machine, ...opened, memory: opened.user.process.memory.allocate(4 * 0x10_0000) };
}
