/**
 * The type1 IOMMU driver at work for one container (drivers/vfio/vfio_iommu_type1.c, versions 1 and 2): wires the
 * rules together, each of which has a file and a class here, and dispatches the container's VFIO_IOMMU_* ioctls.
 */
import { FaultInjection } from '../../kernel/fault-injection.ts';
import type { Result } from '../../kernel/file.ts';
import type { Process } from '../../kernel/process.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { EXTENSION, VFIO } from '../../uapi/vfio.ts';
import type { IommuBackend } from '../container.ts';
import type { VfioDevice } from '../device.ts';
import type { VfioGroup } from '../group.ts';
import { Accounting } from './accounting.ts';
import { DirtyPages } from './dirty.ts';
import { type DomainParameters, Domains } from './domains.ts';
import { ExternalAccess } from './external.ts';
import { Type1Info } from './info.ts';
import { MapDma } from './map.ts';
import { Pinning } from './pinning.ts';
import { Type1State } from './state.ts';
import { UnmapDma } from './unmap.ts';
import { VaddrUpdate } from './vaddr.ts';

/** Module parameters of vfio_iommu_type1. */
export interface Type1Parameters extends DomainParameters {
  readonly dmaEntryLimit: number;
}

type Type1Call = (type1: Type1, caller: Process, argument: number) => Result;
/** The container's ioctls that type1 serves; any other number is ENOTTY. */
const IOCTLS = new Map<number, Type1Call>([
  [VFIO.IOMMU_GET_INFO, (type1, caller, argument) => type1.info.ioctl(caller, argument)],
  [VFIO.IOMMU_MAP_DMA, (type1, caller, argument) => type1.map.ioctl(caller, argument)],
  [VFIO.IOMMU_UNMAP_DMA, (type1, caller, argument) => type1.unmap.ioctl(caller, argument)],
  [VFIO.IOMMU_DIRTY_PAGES, (type1, caller, argument) => type1.dirty.ioctl(caller, argument)],
]);

/** Extensions that do not depend on what is in the container. */
const ALWAYS: ReadonlySet<number> = new Set([EXTENSION.TYPE1_IOMMU, EXTENSION.TYPE1v2_IOMMU, EXTENSION.UNMAP_ALL]);

/** CHECK_EXTENSION before SET_IOMMU. */
export function type1Extension(extension: number): number {
  return ALWAYS.has(extension) ? 1 : 0;
}

export class Type1 implements IommuBackend {
  readonly state: Type1State;
  readonly map: MapDma;
  readonly unmap: UnmapDma;
  readonly dirty: DirtyPages;
  readonly info: Type1Info;
  readonly external: ExternalAccess;
  private readonly domains: Domains;
  private readonly pinning: Pinning;

  constructor(v2: boolean, parameters: Type1Parameters, faults: FaultInjection = new FaultInjection()) {
    const accounting = new Accounting();
    this.state = new Type1State(v2, parameters.dmaEntryLimit, faults);
    this.dirty = new DirtyPages(this.state);
    this.pinning = new Pinning(this.state, accounting, this.dirty);
    this.domains = new Domains(this.state, this.pinning, this.dirty, parameters);
    const vaddrs = new VaddrUpdate(this.state, accounting);
    this.map = new MapDma(this.state, this.pinning, this.dirty, vaddrs);
    this.unmap = new UnmapDma(this.state, this.pinning, this.dirty, vaddrs);
    this.info = new Type1Info(this.state);
    this.external = new ExternalAccess(this.state, accounting, this.dirty);
  }

  ioctl(caller: Process, command: number, argument: number): Result {
    const call = IOCTLS.get(command);
    return call === undefined ? -ERRNO.ENOTTY : call(this, caller, argument);
  }

  extension(extension: number): number {
    if (extension === EXTENSION.UPDATE_VADDR) return this.state.emulated.size === 0 ? 1 : 0;
    if (extension === EXTENSION.DMA_CC_IOMMU) return this.state.domains.every(({ domain }) => domain.coherent) ? 1 : 0;
    return type1Extension(extension);
  }

  attachGroup(group: VfioGroup): number {
    return this.domains.attach(group);
  }

  detachGroup(group: VfioGroup): void {
    this.domains.detach(group);
  }

  /** Only devices that pin pages themselves care about unmaps. */
  registerDevice(device: VfioDevice): void {
    if (device.ops.dma_unmap !== undefined) this.state.devices.add(device);
  }

  unregisterDevice(device: VfioDevice): void {
    this.state.devices.delete(device);
  }

  release(): void {
    this.pinning.removeAll();
  }
}
