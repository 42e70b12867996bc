/** The character device of a VFIO device, on the machine that was recorded. */
import { describe, expect, it } from 'vitest';
import { recorded, recordedNoLinkActive } from '../../sim/machines/recorded.ts';
import { Machine } from '../../src/machine/machine.ts';
import { MODULES } from '../../src/machine/variants.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { IOMMU } from '../../src/uapi/iommufd.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { CdevUser } from './cdev-user.ts';
import { TestMachine } from './container-machine.ts';

const { E2BIG, EACCES, EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENOENT, ENOSPC, ENOTTY, EPERM } = ERRNO;
const NIC = '0000:01:00.0';
const TWIN = '0000:07:00.0';
const SIBLING = '0000:07:00.1';

describe('a descriptor of the character device', () => {
  // covers: FD02 GP09
  it('can be had any number of times, and can do nothing before BIND', () => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const [first, second] = [user.cdev(NIC), user.cdev(NIC)];
    expect(second).toBeGreaterThan(first);
    const { process, page } = user;
    expect(process.pread(first, page, 4, 7 * 2 ** 40)).toBe(-EINVAL);
    expect(process.pwrite(first, page, 4, 7 * 2 ** 40)).toBe(-EINVAL);
    expect(process.mmap(first, 0, 4096, { read: true, write: true, shared: true })).toBe(-EINVAL);
    for (const [name, request] of Object.entries(VFIO))
      if (request !== VFIO.DEVICE_BIND_IOMMUFD) expect(user.call(first, request, [64]), name).toBe(-EINVAL);
    expect(user.bind(first, user.iommufd())).toBe(0);
    expect(process.pread(first, page, 4, 7 * 2 ** 40)).toBe(4);
  });

  // covers: GP09
  it('cannot be had of a device that is going, nor without RAWIO of one that no IOMMU translates', () => {
    const machine = new TestMachine();
    machine.untranslated('a');
    expect(machine.user('plain', []).open('/dev/vfio/devices/noiommu-vfio0')).toBe(-EPERM);
    expect(machine.user().open('/dev/vfio/devices/noiommu-vfio0')).toBeGreaterThan(0);
    const device = machine.device('b', machine.group(1));
    const user = machine.user();
    const open = user.open('/dev/vfio/devices/vfio1');
    const removal = machine.scheduler.spawn('remove', machine.core.unregisterDevice(device));
    machine.scheduler.step();
    expect(user.open('/dev/vfio/devices/vfio1')).toBe(-ENOENT);
    expect(machine.core.get(device)).toBe(false);
    expect(removal.done).toBe(false);
    user.close(open);
    while (!removal.done && machine.scheduler.step());
    expect(removal.done).toBe(true);
  });

  // covers: GP02
  it('is bound only while nobody has the group open, and the group opens only while none is bound', () => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const [cdev, iommufd] = [user.cdev(NIC), user.iommufd()];
    const group = user.process.open(user.groupPath(NIC));
    expect(user.bind(cdev, iommufd)).toBe(-EBUSY);
    user.process.close(group);
    expect(user.bind(cdev, iommufd)).toBe(0);
    expect(user.process.open(user.groupPath(NIC))).toBe(-EBUSY);
    user.process.close(cdev);
    expect(user.process.open(user.groupPath(NIC))).toBeGreaterThan(0);
  });
});

describe('BIND', () => {
  // covers: GP10
  it.each([
    ['a size below the first version', [15, 0, 'iommufd'], EINVAL],
    ['an unknown flag', [16, 2, 'iommufd'], EINVAL],
    ['a negative number', [16, 0, -1], EINVAL],
    ['a number that is not open', [16, 0, 999], EBADF],
    ['a file of another kind', [16, 0, 'self'], EBADFD],
    ['a token that is not there', [16, 1, 'iommufd'], EFAULT],
    ['bytes behind the struct', [32, 0, 'iommufd', 0, 0, 0, 1], E2BIG],
  ] as const)('refuses %s, and leaves the device unbound', (_what, words, errno) => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const [cdev, iommufd] = [user.cdev(NIC), user.iommufd()];
    const numbers = words.map((word) => (word === 'iommufd' ? iommufd : word === 'self' ? cdev : word));
    expect(user.call(cdev, VFIO.DEVICE_BIND_IOMMUFD, numbers)).toBe(-errno);
    expect(user.bind(cdev, iommufd)).toBe(0);
  });

  // covers: GP10
  it('gives the number of the device, once: to a descriptor, and to one of them', () => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const [first, second, iommufd] = [user.cdev(NIC), user.cdev(NIC), user.iommufd()];
    expect(user.bind(first, iommufd)).toBe(0);
    expect(user.word(3)).toBe(1);
    expect(user.bind(first, iommufd)).toBe(-EINVAL);
    expect(user.bind(second, user.iommufd())).toBe(-EINVAL);
    user.process.close(first);
    expect(user.bind(second, iommufd)).toBe(0);
    expect(user.word(3), 'the number is free again').toBe(1);
  });

  // covers: GP10
  it('undoes the open when the number cannot be written', () => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const [cdev, iommufd] = [user.cdev(NIC), user.iommufd()];
    const { memory } = user.process;
    const sealed = memory.allocate(4096, { read: true, write: false });
    const bytes = Uint8Array.from(new Uint8Array(Uint32Array.of(24, 0, iommufd, 0, 0, 0).buffer));
    memory.all.find(({ start }) => start === sealed)!.backing.store(0, bytes);
    expect(user.process.ioctl(cdev, VFIO.DEVICE_BIND_IOMMUFD, sealed)).toBe(-EFAULT);
    expect(user.bind(cdev, iommufd)).toBe(0);
    expect(user.word(3)).toBe(1);
  });

  // covers: GP10
  it('is not for a descriptor from a group, and ATTACH there is an ioctl that does not exist', () => {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(NIC);
    const device = user.throughGroup(NIC, user.iommufd());
    expect(user.bind(device, user.iommufd())).toBe(-EINVAL);
    expect(user.attach(device, 1)).toBe(-ENOTTY);
  });

  // covers: SR07
  it('asks for the token of a PF in user hands, as the group does', () => {
    const user = new CdevUser(new Machine(recorded));
    const vf = user.withUserOwnedPf(NIC);
    const [pf, iommufd] = [user.cdev(NIC), user.iommufd()];
    const token = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
    expect(user.bindWithToken(pf, iommufd, token)).toBe(0);
    const cdev = user.cdev(vf);
    expect(user.bind(cdev, iommufd)).toBe(-EACCES);
    expect(
      user.bindWithToken(
        cdev,
        iommufd,
        token.map((byte) => byte ^ 1),
      ),
    ).toBe(-EACCES);
    expect(user.bindWithToken(cdev, iommufd, token)).toBe(0);
  });
});

describe('ATTACH and DETACH', () => {
  // covers: GP11
  it('refuse sizes, flags and numbers before anything changes', () => {
    const { user, cdev, ioas } = CdevUser.bound(NIC);
    const { DEVICE_ATTACH_IOMMUFD_PT: ATTACH, DEVICE_DETACH_IOMMUFD_PT: DETACH } = VFIO;
    expect(user.call(cdev, ATTACH, [11, 0, ioas])).toBe(-EINVAL);
    expect(user.call(cdev, ATTACH, [12, 2, ioas])).toBe(-EINVAL);
    expect(user.call(cdev, ATTACH, [12, 1, ioas, 1]), 'no room for the PASID').toBe(-EINVAL);
    expect(user.call(cdev, ATTACH, [16, 1, ioas, 2 ** 31])).toBe(-ENOSPC);
    expect(user.attach(cdev, 999)).toBe(-ENOENT);
    expect(user.attach(cdev, 1), 'the device itself').toBe(-EINVAL);
    expect(user.call(cdev, DETACH, [7, 0])).toBe(-EINVAL);
    expect(user.call(cdev, DETACH, [8, 2])).toBe(-EINVAL);
    expect(user.call(cdev, DETACH, [8, 1]), 'no room for the PASID').toBe(-EINVAL);
    expect(user.process.ioctl(cdev, ATTACH, 0x1000)).toBe(-EFAULT);
  });

  // covers: GP11
  it('give the number of the page table, replace it the second time, and take nothing away twice', () => {
    const { user, cdev, ioas, iommufd } = CdevUser.bound(NIC);
    expect(user.attach(cdev, ioas)).toBe(0);
    const first = user.word(2);
    expect(first).toBeGreaterThan(ioas);
    expect(user.attach(cdev, ioas)).toBe(0);
    expect(user.word(2)).toBe(first);
    const other = user.ioas(iommufd);
    expect(user.attach(cdev, other)).toBe(0);
    expect(user.word(2)).not.toBe(first);
    expect(user.call(iommufd, IOMMU.DESTROY, [8, ioas]), 'nothing is left of the first').toBe(0);
    expect(user.detach(cdev)).toBe(0);
    expect(user.detach(cdev)).toBe(0);
    expect(user.call(iommufd, IOMMU.DESTROY, [8, other])).toBe(0);
  });

  // covers: GP11
  it('detach again when the number of the page table cannot be written', () => {
    const { user, cdev, ioas, iommufd } = CdevUser.bound(NIC);
    const { memory } = user.process;
    const sealed = memory.allocate(4096, { read: true, write: false });
    const bytes = new Uint8Array(Uint32Array.of(12, 0, ioas).buffer);
    memory.all.find(({ start }) => start === sealed)!.backing.store(0, bytes);
    expect(user.process.ioctl(cdev, VFIO.DEVICE_ATTACH_IOMMUFD_PT, sealed)).toBe(-EFAULT);
    expect(user.call(iommufd, IOMMU.DESTROY, [8, ioas])).toBe(0);
  });

  // covers: GP11
  it('take an IOAS and give it back for a device without DMA of its own', () => {
    const user = new CdevUser(new Machine(recorded, { modules: MODULES }));
    const name = user.createMtty();
    const cdev = user.process.open(`/dev/vfio/devices/${name}`);
    const iommufd = user.iommufd();
    expect(user.bind(cdev, iommufd)).toBe(0);
    const [first, second] = [user.ioas(iommufd), user.ioas(iommufd)];
    for (const ioas of [first, second, second]) {
      expect(user.attach(cdev, ioas)).toBe(0);
      expect(user.word(2)).toBe(ioas);
    }
    expect(user.call(iommufd, IOMMU.DESTROY, [8, first])).toBe(0);
    expect(user.call(iommufd, IOMMU.DESTROY, [8, second])).toBe(-EBUSY);
    expect(user.attach(cdev, 1)).toBe(-ENOENT);
    expect(user.call(cdev, VFIO.DEVICE_ATTACH_IOMMUFD_PT, [16, 1, second, 1])).toBe(-ERRNO.EOPNOTSUPP);
  });

  // covers: GP08
  it('go on with an iommufd whose descriptor is closed, which ends with its last device', () => {
    const { user, cdev, ioas, iommufd } = CdevUser.bound(NIC);
    user.process.close(iommufd);
    expect(user.attach(cdev, ioas)).toBe(0);
    expect(user.process.pread(cdev, user.page, 4, 7 * 2 ** 40)).toBe(4);
    user.process.close(cdev);
    expect(user.machine.kernel.bus.devices.get(NIC)!.group!.ownerCount).toBe(0);
  });
});

describe('hot reset of devices opened this way', () => {
  // covers: RS05 RS07
  it('shows the devices of the caller, and asks for no other proof', () => {
    const user = new CdevUser(new Machine(recordedNoLinkActive));
    user.bindDriver(TWIN);
    user.bindDriver(SIBLING);
    const [cdev, sibling, iommufd] = [user.cdev(TWIN), user.cdev(SIBLING), user.iommufd()];
    expect(user.bind(cdev, iommufd)).toBe(0);
    expect(user.hotResetInfo(cdev), 'the group of the sibling is owned').toEqual({ flags: 3, ids: [1, 0] });
    expect(user.call(cdev, VFIO.DEVICE_PCI_HOT_RESET, [12, 0, 0])).toBe(0);
    expect(user.call(cdev, VFIO.DEVICE_PCI_HOT_RESET, [16, 0, 1, iommufd])).toBe(-EINVAL);
    expect(user.bind(sibling, user.iommufd()), 'one owner for a group').toBe(-EPERM);
    expect(user.bind(sibling, iommufd)).toBe(0);
    expect(user.hotResetInfo(cdev)).toEqual({ flags: 3, ids: [1, 2] });
    expect(user.hotResetInfo(sibling)).toEqual({ flags: 3, ids: [1, 2] });
  });

  // covers: RS05 RS07
  it('is refused where it would hit a device that is not the caller’s', () => {
    const user = new CdevUser(new Machine(recordedNoLinkActive));
    user.bindDriver(NIC, 'igb');
    const vf = user.firstVf(NIC);
    const cdev = user.cdev(vf);
    expect(user.bind(cdev, user.iommufd())).toBe(0);
    const { flags, ids } = user.hotResetInfo(cdev);
    expect({ flags, ids: ids.includes(-1) }).toEqual({ flags: 1, ids: true });
    expect(user.call(cdev, VFIO.DEVICE_PCI_HOT_RESET, [12, 0, 0])).toBe(-EINVAL);
  });
});

// covers: GP09
it('the character device has its name in the directory of the device', () => {
  const user = new CdevUser(new Machine(recorded));
  user.bindDriver(NIC);
  expect(user.process.readdir(`/sys/bus/pci/devices/${NIC}/vfio-dev`)).toEqual(['vfio0']);
  expect(user.process.open('/dev/vfio/devices/vfio7')).toBe(-ENOENT);
});
