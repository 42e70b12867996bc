/** Making page tables (hw_pagetable.c: iommufd_hwpt_alloc and what it calls). */
import { Domain } from '../../sim/iommu/domain.ts';
import { ERRNO } from '../uapi/errno.ts';
import { HWPT_ALLOC_FLAG, HWPT_DATA, iommu_hwpt_alloc } from '../uapi/iommufd.ts';
import type { Context } from './context.ts';
import type { IommufdDevice } from './device.ts';
import type { FaultQueue } from './fault-queue.ts';
import { type AnyHwpt, Hwpt, type HwptOptions, NestedHwpt } from './hwpt.ts';
import type { Ioas } from './ioas.ts';
import { readUserData, stage1Of } from './stage1.ts';
import type { Ucmd } from './ucmd.ts';
import type { Viommu } from './viommu.ts';

const { NEST_PARENT, DIRTY_TRACKING, FAULT_ID_VALID, PASID } = HWPT_ALLOC_FLAG;
const { at } = iommu_hwpt_alloc;

/** Attaches a page table before it shows any mapping; a negated errno undoes its making. */
type AttachFirst = (hwpt: AnyHwpt) => unknown | number;

/** What the user says about a page table. */
interface Request {
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
  const domain = new Domain('paging', `ioas ${ioas.id}`);
  domain.coherent = iommu.features.enforceCoherency ?? false;
  domain.software = iommu.features.software ?? false;
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
      made = nested(cmd, base as Hwpt, base as Hwpt, device, request);
      break;
    case 'viommu':
      made = nested(cmd, (base as Viommu).parent, base as Viommu, device, request);
      break;
    default:
      return -ERRNO.EINVAL;
  }
  if (typeof made === 'number') return made;
  cmd.view.setUint32(at.out_hwpt_id, made.id, true);
  const error = cmd.respond();
  if (error !== 0) objects.remove(made);
  return error;
}

/** The flags before the fault queue: the driver is asked first, and names the queue only after that. */
function paging(cmd: Ucmd, ioas: Ioas, device: IommufdDevice, { flags, dataType }: Request): Hwpt | number {
  const { features } = device.iommu;
  if (dataType !== HWPT_DATA.NONE) return -ERRNO.EOPNOTSUPP;
  if ((flags & ~(NEST_PARENT | DIRTY_TRACKING | FAULT_ID_VALID | PASID)) !== 0) return -ERRNO.EOPNOTSUPP;
  if (flags & DIRTY_TRACKING && !features.dirtyTracking) return -ERRNO.EOPNOTSUPP;
  if (flags & FAULT_ID_VALID && flags & NEST_PARENT) return -ERRNO.EOPNOTSUPP;
  if (flags & NEST_PARENT && !features.nesting) return -ERRNO.EOPNOTSUPP;
  const fault = faultQueue(cmd, flags);
  if (fault === -ERRNO.ENOENT) return fault;
  return allocateHwpt(cmd.context, ioas, device, {
    automatic: false,
    nestParent: (flags & NEST_PARENT) !== 0,
    dirtyTracking: (flags & DIRTY_TRACKING) !== 0,
    pasid: (flags & PASID) !== 0,
    fault: fault as FaultQueue | undefined,
  });
}

/** iommufd_hwpt_nested_alloc, iommufd_viommu_alloc_hwpt_nested. */
function nested(
  cmd: Ucmd,
  parent: Hwpt,
  base: Hwpt | Viommu,
  device: IommufdDevice,
  { flags, dataType, dataLength, dataAddress }: Request,
): NestedHwpt | number {
  if (base.kind === 'viommu' && device.iommu !== base.iommu) return -ERRNO.EINVAL;
  const { features } = device.iommu;
  const direct = base.kind === 'hwpt-paging';
  if ((flags & ~(FAULT_ID_VALID | PASID)) !== 0 || dataLength === 0) return -ERRNO.EOPNOTSUPP;
  if (direct && !features.nesting) return -ERRNO.EOPNOTSUPP;
  if (direct && (parent.automatic || !parent.options.nestParent || parent.iommu !== device.iommu)) return -ERRNO.EINVAL;
  const data = readUserData(cmd.caller, dataAddress, dataLength);
  const stage1 = typeof data === 'number' ? data : stage1Of(dataType, data);
  if (typeof stage1 === 'number') return stage1;
  const fault = faultQueue(cmd, flags);
  if (fault === -ERRNO.ENOENT) return fault;
  const domain = new Domain('nested', `nested on hwpt ${parent.id}`);
  domain.nest(parent.domain, stage1);
  const pasid = (flags & PASID) !== 0;
  return cmd.context.objects.add(new NestedHwpt(parent, base, domain, pasid, fault as FaultQueue | undefined));
}

/** The queue that FAULT_ID_VALID names; undefined without the flag. */
function faultQueue(cmd: Ucmd, flags: number): FaultQueue | undefined | number {
  if (!(flags & FAULT_ID_VALID)) return undefined;
  return (cmd.context.objects.get(cmd.u32(at.fault_id), 'fault') as FaultQueue | undefined) ?? -ERRNO.ENOENT;
}
