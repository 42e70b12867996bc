/** The file /dev/iommu (main.c: iommufd_fops_ioctl): what every iommufd ioctl checks alike, and which there are. */
import { PAGE_SIZE } from '../../sim/memory.ts';
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { MmapRequest, OpenFile } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { IOMMU, IOMMUFD_STRUCTS, iommu_destroy } from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import { copyStruct } from './copy-struct.ts';
import { hwptGetDirtyBitmap, hwptSetDirtyTracking } from './dirty.ts';
import { faultQueueAlloc } from './fault-file.ts';
import { getHwInfo } from './hw-info.ts';
import { hwQueueAlloc } from './hw-queue.ts';
import { hwptAlloc } from './hwpt-alloc.ts';
import { hwptInvalidate } from './invalidate.ts';
import { ioasAlloc, ioasAllowIovas, ioasCopy, ioasIovaRanges, ioasMap, ioasUnmap } from './ioas-ioctls.ts';
import { ioasChangeProcess, ioasMapFile } from './map-file.ts';
import { ioasNoiommuGetPa } from './noiommu-pa.ts';
import { option, vfioIoas } from './options.ts';
import { Ucmd } from './ucmd.ts';
import { vdeviceAlloc } from './vdevice.ts';
import { veventqAlloc } from './veventq.ts';
import { vfioIoctl } from './vfio-compat.ts';
import { viommuAlloc } from './viommu.ts';

type Name = keyof typeof IOMMU;

const HANDLERS: Readonly<Record<Name, (cmd: Ucmd) => number>> = {
  DESTROY: (cmd) => cmd.context.objects.destroy(cmd.u32(iommu_destroy.at.id)),
  IOAS_ALLOC: ioasAlloc,
  IOAS_ALLOW_IOVAS: ioasAllowIovas,
  IOAS_COPY: ioasCopy,
  IOAS_IOVA_RANGES: ioasIovaRanges,
  IOAS_MAP: ioasMap,
  IOAS_UNMAP: ioasUnmap,
  OPTION: option,
  VFIO_IOAS: vfioIoas,
  HWPT_ALLOC: hwptAlloc,
  GET_HW_INFO: getHwInfo,
  HWPT_SET_DIRTY_TRACKING: hwptSetDirtyTracking,
  HWPT_GET_DIRTY_BITMAP: hwptGetDirtyBitmap,
  HWPT_INVALIDATE: hwptInvalidate,
  FAULT_QUEUE_ALLOC: faultQueueAlloc,
  IOAS_MAP_FILE: ioasMapFile,
  VIOMMU_ALLOC: viommuAlloc,
  VDEVICE_ALLOC: vdeviceAlloc,
  IOAS_CHANGE_PROCESS: ioasChangeProcess,
  VEVENTQ_ALLOC: veventqAlloc,
  HW_QUEUE_ALLOC: hwQueueAlloc,
  IOAS_NOIOMMU_GET_PA: ioasNoiommuGetPa,
};

/** Structs that have grown: their first version ended with this field (main.c: IOCTL_OP's min_size). */
const FIRST_VERSION: Readonly<Partial<Record<Name, string>>> = {
  HWPT_ALLOC: '__reserved',
  GET_HW_INFO: '__reserved',
  VIOMMU_ALLOC: 'out_viommu_id',
  VEVENTQ_ALLOC: 'out_veventq_fd',
};

interface Command {
  readonly number: number;
  readonly size: number;
  /** The least that the user must give. */
  readonly minSize: number;
  readonly run: (cmd: Ucmd) => number;
}

/** By the low byte of the request, as the kernel's table is indexed. */
const COMMANDS: ReadonlyMap<number, Command> = new Map(
  (Object.keys(IOMMU) as Name[]).map((name) => {
    const struct = IOMMUFD_STRUCTS[name];
    const last = struct.fields.find((field) => field.name === FIRST_VERSION[name]);
    const minSize = last === undefined ? struct.size : last.offset + last.size;
    return [IOMMU[name] & 0xff, { number: IOMMU[name], size: struct.size, minSize, run: HANDLERS[name] }];
  }),
);

export class IommufdFile implements OpenFile {
  readonly name: string;
  readonly context: Context;

  constructor(name: string, context: Context) {
    this.name = name;
    this.context = context;
  }

  ioctl(caller: Process, request: number, argument: number): number {
    const command = COMMANDS.get(request & 0xff);
    if (command === undefined) return vfioIoctl(this.context, caller, request, argument);
    const head = caller.copyFromUser(argument, 4);
    if (head === undefined) return -ERRNO.EFAULT;
    if (command.number !== request) return -ERRNO.ENOTTY;
    const userSize = viewOf(head).getUint32(0, true);
    if (userSize < command.minSize) return -ERRNO.EINVAL;
    const bytes = zeroedBytes(command.size);
    const error = copyStruct(caller, argument, userSize, bytes);
    if (error !== 0) return error;
    return command.run(new Ucmd(this.context, caller, argument, viewOf(bytes), userSize));
  }

  /** Only queues of virtual IOMMUs have pages to map, and none of those that are modelled. */
  mmap(_caller: Process, { length, shared }: MmapRequest): number {
    return length % PAGE_SIZE !== 0 || !shared ? -ERRNO.EINVAL : -ERRNO.ENXIO;
  }

  release(): void {
    this.context.put();
  }
}
