/** Register writes that the kernel does when an eventfd is signalled. */
import { CAP, MSIX, MSIX_ENTRY } from '../../../sim/pci/registers.ts';
import { regionOffset } from '../../client/device.ts';
import { device_ioeventfd, VFIO } from '../../uapi/vfio.ts';
import type { Tenant } from '../tenant.ts';
import { type Operation, whileOpen } from './operation.ts';
import { LISTENED } from './pci-irqs.ts';

const OFFSETS = [0x04, 0x20, 0x60, 0x80, 0x1f, 0x1c, 0x7fc, 0x800, 0x3ffc, 0x3fff, 0x1_fffc, 0xf_fffe, 0x10_0000];

const set: Operation = {
  name: 'ioeventfd',
  needs: 'pci',
  args: ['bar', 'offset', 'width', 'data', 'remove'],
  weights: whileOpen(3),
  generate(random, { pci }) {
    if (pci.ioEvents.length > 0 && random.chance(30)) {
      const { bar, offset, width, data } = random.pick(pci.ioEvents);
      return { bar, offset, width, data, remove: random.chance(70) ? 1 : 0 };
    }
    const offset = random.pick(OFFSETS);
    return { bar: random.below(7), offset, width: 1 << random.below(4), data: random.below(4), remove: 0 };
  },
  run(tenant, { bar, offset, width, data, remove }, world) {
    const { at, size } = device_ioeventfd;
    const { scratch, pci } = tenant;
    const view = scratch.begin(size);
    view.setUint32(at.argsz, size, true);
    view.setUint32(at.flags, width!, true);
    view.setBigUint64(at.offset, BigInt(regionOffset(bar!) + offset!), true);
    view.setUint32(at.data, data!, true);
    view.setInt32(at.fd, remove ? -1 : tenant.events[LISTENED]!.fd, true);
    // A count from before works at once.
    world.checks.interrupts.writing(tenant, LISTENED);
    const result = tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_IOEVENTFD, scratch.put(size));
    if (result < 0) return result;
    if (!allowed(tenant, bar!, offset!, width!)) world.checks.config.ioeventfd(bar!, offset!, width!);
    const same = pci.ioEvents.findIndex(
      (e) => e.bar === bar && e.offset === offset && e.width === width && e.data === data,
    );
    if (same >= 0) pci.ioEvents.splice(same, 1);
    if (!remove) pci.ioEvents.push({ bar: bar!, offset: offset!, width: width!, data: data!, event: LISTENED });
    return result;
  },
};

/** Inside a BAR that the device has and the host gave, and not in the table of its messages. */
function allowed({ fn }: Tenant, bar: number, offset: number, width: number): boolean {
  const { bars } = fn!.template;
  const described = bars[bar];
  if (described === undefined || described.claimed || offset + width > described.size) return false;
  const at = fn!.capability(CAP.MSIX);
  if (at === 0) return true;
  const table = fn!.config.read(at + MSIX.TABLE, 4);
  const start = (table & ~7) >>> 0;
  const end = start + fn!.msix!.size * MSIX_ENTRY.SIZE;
  return (table & 7) !== bar || offset >= end || offset + width <= start;
}

export const IOEVENTFD_OPERATIONS: readonly Operation[] = [set];
