/** Attachments of PASIDs: a device's requests of one process, each translated by a page table of its own. */
import { device_attach_iommufd_pt, device_detach_iommufd_pt, VFIO } from '../../uapi/vfio.ts';
import { agree } from '../bench/agree.ts';
import { hold } from '../bench/verdict.ts';
import type { ReferenceDevice } from '../reference/iommufd-objects.ts';
import { attachPasid, listens } from '../reference/iommufd-pasids.ts';
import { sideOf } from './iommufd-arguments.ts';
import { type Operation, whileOpen } from './operation.ts';

/** The device that has PASIDs. */
const ABLE = 0;
const PASIDS = [1, 1, 2, 255, 256, 0xf_ffff] as const;
const WITH_PASID = 1;

const attach: Operation = {
  name: 'pasid_attach',
  needs: 'ioas',
  args: ['pasid', 'pt', 'detach'],
  weights: whileOpen(4),
  generate(random, tenant) {
    const { bench, side } = sideOf(tenant);
    if (side.compat || bench.devices[ABLE]!.fd === undefined) return undefined;
    const { reference } = side;
    const { pasids } = reference.devices[ABLE]!;
    const fit = [...reference.objects].flatMap(([id, { hwpt }]) => (hwpt?.pasid ? [id] : []));
    return {
      pasid: pasids.size > 0 && random.chance(60) ? random.pick([...pasids.keys()]) : random.pick(PASIDS),
      pt: fit.length > 0 && random.chance(80) ? random.pick(fit) : side.anyId(random, 'hwpt-paging'),
      detach: random.chance(30) ? 1 : 0,
    };
  },
  run(tenant, { pasid: wanted, pt, detach }, world) {
    const { bench, side } = sideOf(tenant);
    const { fd } = bench.devices[ABLE]!;
    // The function's own requests have number 0: another call.
    const pasid = Math.max(1, Math.min(wanted!, 0xf_ffff));
    if (fd === undefined || side.compat) return -9;
    const known = side.reference.devices[ABLE]!;
    const { size, at } = detach ? device_detach_iommufd_pt : device_attach_iommufd_pt;
    const view = bench.scratch.begin(size);
    view.setUint32(at.argsz, size, true);
    view.setUint32(at.flags, WITH_PASID, true);
    if (!detach) view.setUint32(device_attach_iommufd_pt.at.pt_id, pt!, true);
    view.setUint32(at.pasid, pasid, true);
    const before = known.pasids.get(pasid);
    const expected = detach ? forget(known, pasid) : attachPasid(side.reference, known, pasid, pt!);
    if (known.pasids.get(pasid) !== before) side.queues.gone(bench.devices[ABLE]!.name, pasid, !listens(known));
    const command = detach ? VFIO.DEVICE_DETACH_IOMMUFD_PT : VFIO.DEVICE_ATTACH_IOMMUFD_PT;
    const result = bench.process.ioctl(fd, command, bench.scratch.put(size));
    hold(world, detach ? 'DETACH of a PASID' : 'ATTACH of a PASID', result, Math.min(0, expected));
    agree(world, tenant);
    return result;
  },
};

function forget({ pasids }: ReferenceDevice, pasid: number): number {
  pasids.delete(pasid);
  return 0;
}

export const IOMMUFD_PASID: readonly Operation[] = [attach];
