/** What a tenant plays with DMA mappings with: memory, devices, and a container or an iommufd that is not its device's own. */
import { Scratch } from '../../client/scratch.ts';
import type { AddressSpace } from '../../kernel/address-space.ts';
import type { Process } from '../../kernel/process.ts';
import type { Machine } from '../../machine/machine.ts';
import { assigned, bindTo } from '../profiles/assign-functions.ts';
import { BUFFER_BYTES, SCRATCH_BYTES, type Tenant } from '../tenant.ts';
import type { WayKind } from '../ways/way.ts';
import { BenchDevice } from './device.ts';
import { IommufdBench } from './iommufd-bench.ts';
import { PLAYED } from './machine.ts';
import { BenchMemory, DEVICE_PAGES, ROW_PAGES } from './memory.ts';
import type { Pinner } from './pinner.ts';
import { Type1Bench } from './type1-bench.ts';

/** One tenant's. */
export class Bench {
  readonly process: Process;
  /** A process that memory can be handed to; it has copies of the descriptors. */
  readonly helper: Process;
  readonly scratch: Scratch;
  readonly memory: BenchMemory;
  readonly helperScratch: Scratch;
  readonly devices: readonly BenchDevice[];
  readonly pinner: Pinner | undefined;
  /** Address spaces that exec left behind: what pins their pages goes on. */
  readonly left: AddressSpace[] = [];
  private deviceFd = -1;
  readonly type1: Type1Bench | undefined;
  readonly iommufd: IommufdBench | undefined;

  constructor(tenant: Tenant, machine: Machine, kind: WayKind, limit: number) {
    this.process = tenant.process;
    this.scratch = tenant.scratch;
    this.memory = new BenchMemory(this.process);
    this.memory.fill(tenant.name === 'A' ? 1 : 1000);
    const { capabilities, user } = this.process;
    // Who takes memory over need not be as privileged, or is more so.
    const others = new Set(capabilities);
    if (others.size === 1 && !others.delete('CAP_IPC_LOCK')) others.add('CAP_IPC_LOCK');
    this.helper = machine.kernel.process(`helper of ${this.process.name}`, others, user);
    this.helperScratch = new Scratch(this.helper, 4096);
    // At the addresses of the row it has memory too.
    this.helper.memory.allocate(4096);
    this.helper.memory.allocate(ROW_PAGES * 4096);
    const found = PLAYED[tenant.name].map((bdf) => machine.kernel.bus.devices.get(bdf)!);
    bindTo(machine, 'vfio-pci', found);
    this.devices = found.map((device) => new BenchDevice(assigned(machine, device)));
    this.pinner = machine.vfio.deviceNamed(pinnerOf(tenant.name))?.data as Pinner | undefined;
    const { aperture } = machine.hardware.fabric.iommu.features;
    if (kind === 'type1' || kind === 'type1v2') this.type1 = new Type1Bench(this, kind === 'type1v2', limit, aperture);
    else this.iommufd = new IommufdBench(this, kind === 'compat', machine.hardware.fabric.iommu.features);
  }

  /** The process replaces itself, keeps its descriptors, and has the same memory at the same addresses again. */
  exec(): void {
    this.left.push(this.process.memory);
    this.process.exec();
    this.process.memory.allocate(SCRATCH_BYTES);
    this.process.memory.allocate(BUFFER_BYTES);
    this.memory.allocate();
    this.mapDevice(this.deviceFd);
    // The bytes behind the argument of the last call have gone with it.
    this.scratch.room(0);
  }

  /** Maps BAR 0 of the tenant's own device: memory that is no memory. */
  mapDevice(fd: number): void {
    this.deviceFd = fd;
    const address = this.process.mmap(fd, 0, DEVICE_PAGES * 4096, { read: true, write: true, shared: true });
    this.memory.device = Math.max(0, address);
  }

  /** Every address space that may pay for pages. */
  get spaces(): readonly AddressSpace[] {
    return [this.process.memory, this.helper.memory, ...this.left];
  }
}

export const pinnerOf = (name: string): string => `pinner of ${name}`;
