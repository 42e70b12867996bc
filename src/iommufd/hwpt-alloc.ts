/** Making page tables (hw_pagetable.c: iommufd_hwpt_alloc and what it calls). */
import { Domain } from '../../sim/iommu/domain.ts';
import { PAGE_SIZE } from '../../sim/memory.ts';
import { ERRNO } from '../uapi/errno.ts';
import { HWPT_ALLOC_FLAG, HWPT_DATA, iommu_hwpt_alloc } from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import type { IommufdDevice } from './device.ts';
import type { FaultQueue } from './fault-queue.ts';
import { type AnyHwpt, Hwpt, type HwptOptions, NestedHwpt, reportFaults } from './hwpt.ts';
import type { Ioas } from './ioas.ts';
import { firstStage } from './stage1.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

const { NEST_PARENT, DIRTY_TRACKING, FAULT_ID_VALID, PASID } = HWPT_ALLOC_FLAG;
const { at } = iommu_hwpt_alloc;

/** Attaches a page table before it shows any mapping; a negated errno undoes its making. */
type AttachFirst = (hwpt: AnyHwpt) => unknown | number;

/** What the user says about a page table. */
export interface Request {
  readonly flags: number;
  readonly dataType: number;
  readonly dataLength: number;
  readonly dataAddress: bigint;
}

/** iommufd_hwpt_paging_alloc: a page table of `ioas` for `device`, with its mappings; or a negated errno. */
export function allocateHwpt(
  context: Context,
  ioas: Ioas,
  device: IommufdDevice,
  options: HwptOptions & { readonly automatic: boolean },
  attachFirst?: AttachFirst,
): Hwpt | number {
  const { iommu } = device;
  // The object, and the driver's page table.
  if (context.noRoom() || context.noMemory()) return -ERRNO.ENOMEM;
  const domain = new Domain('paging', `ioas ${ioas.id}`);
  domain.coherent = iommu.features.enforceCoherency ?? false;
  domain.software = iommu.features.software ?? false;
  domain.leafSizes = ioas.table.hugePagesOff ? [PAGE_SIZE] : iommu.features.pageSizes;
  const hwpt = context.objects.add(new Hwpt(ioas, iommu, domain, options, options.automatic));
  const attached = attachFirst?.(hwpt);
  const error = typeof attached === 'number' ? attached : ioas.table.addTable(hwpt);
  if (error === 0) return hwpt;
  if (attached !== undefined && typeof attached !== 'number') {
    device.attachments.detach(device, 0);
    hwpt.users--;
  }
  context.objects.remove(hwpt);
  return error;
}

/** IOMMU_HWPT_ALLOC. */
export function hwptAlloc(cmd: Ucmd): number {
  const { objects } = cmd.context;
  const request: Request = {
    flags: cmd.u32(at.flags),
    dataType: cmd.u32(at.data_type),
    dataLength: cmd.u32(at.data_len),
    dataAddress: cmd.u64(at.data_uptr),
  };
  if (cmd.u32(at.__reserved) !== 0) return -ERRNO.EOPNOTSUPP;
  if ((request.dataType === HWPT_DATA.NONE) !== (request.dataLength === 0)) return -ERRNO.EINVAL;
  const device = objects.get(cmd.u32(at.dev_id), 'device') as IommufdDevice | undefined;
  if (device === undefined) return -ERRNO.ENOENT;
  // An unknown number is EINVAL here, and not ENOENT as everywhere else.
  const base = objects.get(cmd.u32(at.pt_id));
  let made: AnyHwpt | number;
  switch (base?.kind) {
    case 'ioas':
      made = paging(cmd, base as Ioas, device, request);
      break;
    case 'hwpt-paging':
      made = nested(cmd, base as Hwpt, device, request);
      break;
    case 'viommu':
      made = nested(cmd, base as Viommu, device, request);
      break;
    default:
      return -ERRNO.EINVAL;
  }
  if (typeof made === 'number') return made;
  const error = setFaultQueue(cmd, made, request.flags) || answer(cmd, made);
  if (error !== 0) objects.remove(made);
  return error;
}

function answer(cmd: Ucmd, made: AnyHwpt): number {
  cmd.view.setUint32(at.out_hwpt_id, made.id, true);
  return cmd.respond();
}

function paging(cmd: Ucmd, ioas: Ioas, device: IommufdDevice, { flags, dataType }: Request): Hwpt | number {
  const { features } = device.iommu;
  const usable = features.software ? 0 : NEST_PARENT | DIRTY_TRACKING | FAULT_ID_VALID | PASID;
  if (dataType !== HWPT_DATA.NONE || (flags & ~usable) !== 0) return -ERRNO.EOPNOTSUPP;
  if (flags & DIRTY_TRACKING && !features.dirtyTracking) return -ERRNO.EOPNOTSUPP;
  if (flags & FAULT_ID_VALID && flags & NEST_PARENT) return -ERRNO.EOPNOTSUPP;
  if (flags & NEST_PARENT && !features.nesting) return -ERRNO.EOPNOTSUPP;
  return allocateHwpt(cmd.context, ioas, device, {
    automatic: false,
    nestParent: (flags & NEST_PARENT) !== 0,
    dirtyTracking: (flags & DIRTY_TRACKING) !== 0,
    pasid: (flags & PASID) !== 0,
  });
}

/** iommufd_hwpt_nested_alloc, iommufd_viommu_alloc_hwpt_nested. */
function nested(cmd: Ucmd, base: Hwpt | Viommu, device: IommufdDevice, request: Request): NestedHwpt | number {
  const { flags } = request;
  if (base.kind === 'viommu' && device.iommu !== base.iommu) return -ERRNO.EINVAL;
  if ((flags & ~(FAULT_ID_VALID | PASID)) !== 0 || request.dataLength === 0) return -ERRNO.EOPNOTSUPP;
  // Every IOMMU here has the operation; whether the unit can do it is told when the parent is made.
  if (base.kind === 'hwpt-paging' && (base.automatic || !base.options.nestParent || base.iommu !== device.iommu))
    return -ERRNO.EINVAL;
  const pasid = (flags & PASID) !== 0;
  if (cmd.context.noRoom()) return -ERRNO.ENOMEM;
  const stage = firstStage(cmd.caller, base, request, pasid);
  if (typeof stage !== 'number' && cmd.context.noMemory()) return -ERRNO.ENOMEM;
  return typeof stage === 'number' ? stage : cmd.context.objects.add(new NestedHwpt(base, stage, pasid));
}

/** The queue that FAULT_ID_VALID names. It is looked up last, when the page table is there. */
function setFaultQueue(cmd: Ucmd, hwpt: AnyHwpt, flags: number): number {
  if (!(flags & FAULT_ID_VALID)) return 0;
  const queue = cmd.context.objects.get(cmd.u32(at.fault_id), 'fault') as FaultQueue | undefined;
  if (queue === undefined) return -ERRNO.ENOENT;
  reportFaults(hwpt, queue);
  return 0;
}
