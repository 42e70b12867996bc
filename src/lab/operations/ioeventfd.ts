/** Register writes that the kernel does when an eventfd is signalled. */
import { CAP, MSIX, MSIX_ENTRY } from '../../../sim/pci/registers.ts';
import { regionOffset } from '../../client/device.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { device_ioeventfd, VFIO } from '../../uapi/vfio.ts';
import type { Tenant } from '../tenant.ts';
import { type Operation, whileOpen } from './operation.ts';
import { LISTENED } from './pci-irqs.ts';

const OFFSETS = [0x04, 0x20, 0x60, 0x80, 0x1f, 0x1c, 0x7fc, 0x800, 0x3ffc, 0x3fff, 0x1_fffc, 0xf_fffe, 0x10_0000];

/** No memory, no copy, no BAR to write to. */
const OTHERWISE: ReadonlySet<number> = new Set([-ERRNO.ENOMEM, -ERRNO.EFAULT, -ERRNO.EINVAL, -ERRNO.EBUSY]);

const set: Operation = {
  name: 'ioeventfd',
  needs: 'pci',
  args: ['bar', 'offset', 'width', 'data', 'remove'],
  weights: whileOpen(3),
  generate(random, { pci }) {
    if (pci.ioEvents.length > 0 && random.chance(30)) {
      const { bar, offset, width, data } = random.pick(pci.ioEvents);
      // The same place and another value is another one.
      const other = random.chance(30) ? (data + 1) % 4 : data;
      return { bar, offset, width, data: other, remove: random.chance(70) ? 1 : 0 };
    }
    const offset = random.pick(OFFSETS);
    return { bar: random.below(7), offset, width: 1 << random.below(4), data: random.below(4), remove: 0 };
  },
  run(tenant, { bar, offset, width, data, remove }, world) {
    const { pci } = tenant;
    // A count from before works at once.
    world.checks.interrupts.writing(tenant, LISTENED);
    const result = ioeventfd(tenant, bar!, offset!, width!, data!, remove ? -1 : tenant.events[LISTENED]!.fd);
    const same = pci.ioEvents.findIndex(
      (e) => e.bar === bar && e.offset === offset && e.width === width && e.data === data,
    );
    // One that is there can be taken away, and not set a second time; no other can be taken away.
    const due = same >= 0 ? (remove ? 0 : -ERRNO.EEXIST) : remove ? -ERRNO.ENODEV : 0;
    if (result !== due && (result === 0 || !OTHERWISE.has(result))) world.checks.config.ioeventfdAnswers(result, due);
    if (result < 0) return result;
    if (!allowed(tenant, bar!, offset!, width!)) world.checks.config.ioeventfd(bar!, offset!, width!);
    if (same >= 0) pci.ioEvents.splice(same, 1);
    if (!remove) pci.ioEvents.push({ bar: bar!, offset: offset!, width: width!, data: data!, event: LISTENED });
    return result;
  },
};

/** More than there may be of one device (vfio_pci_private.h: VFIO_PCI_IOEVENTFD_MAX). */
const TOO_MANY = 1001;
/** Where they write: far enough behind the registers that a device has. */
const PLACE = { offset: 0x80, width: 4 } as const;

/** One after the other until the kernel has enough of them, and then they are taken away again. */
const many: Operation = {
  name: 'ioeventfd_many',
  needs: 'pci',
  args: ['bar'],
  weights: whileOpen(1),
  // A thousand calls.
  generate: (random, { pending }) => (pending === 0 && random.chance(5) ? { bar: random.below(4) } : undefined),
  run(tenant, { bar }, world) {
    const { offset, width } = PLACE;
    if (tenant.pci.ioEvents.length > 0 || tenant.pending > 0 || !allowed(tenant, bar!, offset, width))
      return -ERRNO.EINVAL;
    const call = (data: number, fd: number): number => ioeventfd(tenant, bar!, offset, width, data, fd);
    world.checks.interrupts.writing(tenant, LISTENED);
    let taken = 0;
    while (taken < TOO_MANY && call(taken, tenant.events[LISTENED]!.fd) === 0) taken++;
    if (taken === TOO_MANY) world.checks.resources.endless('register writes by eventfd', taken);
    for (let data = 0; data < taken; data++) call(data, -1);
    return taken;
  },
};

function ioeventfd({ scratch, process, device }: Tenant, ...[bar, offset, width, data, fd]: readonly number[]): number {
  const { at, size } = device_ioeventfd;
  const view = scratch.begin(size);
  view.setUint32(at.argsz, size, true);
  view.setUint32(at.flags, width!, true);
  view.setBigUint64(at.offset, BigInt(regionOffset(bar!) + offset!), true);
  view.setUint32(at.data, data!, true);
  view.setInt32(at.fd, fd!, true);
  return process.ioctl(device!.fd, VFIO.DEVICE_IOEVENTFD, scratch.put(size));
}

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

export const IOEVENTFD_OPERATIONS: readonly Operation[] = [set, many];
