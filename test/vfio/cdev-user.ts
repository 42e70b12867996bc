/** A user of character devices and of an iommufd: what tests say in one line, as system calls. */
import { recorded } from '../../sim/machines/recorded.ts';
import { EventFd } from '../../src/kernel/eventfd.ts';
import type { Process } from '../../src/kernel/process.ts';
import { Machine } from '../../src/machine/machine.ts';
import { IOMMU } from '../../src/uapi/iommufd.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';

const DEVICES = '/sys/bus/pci/devices';
const MTTY = '/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/create';
const UUID = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001';

export class CdevUser {
  readonly machine: Machine;
  readonly process: Process;
  /** Where arguments stand, and answers. */
  readonly page: number;

  constructor(machine: Machine) {
    this.machine = machine;
    this.process = machine.process('user');
    this.page = this.process.memory.allocate(4096);
  }

  /** A user with `bdf` bound to an iommufd, and an IOAS there. */
  static bound(bdf: string): { user: CdevUser; cdev: number; iommufd: number; ioas: number } {
    const user = new CdevUser(new Machine(recorded));
    user.bindDriver(bdf);
    const [cdev, iommufd] = [user.cdev(bdf), user.iommufd()];
    if (user.bind(cdev, iommufd) !== 0) throw new Error('BIND');
    return { user, cdev, iommufd, ioas: user.ioas(iommufd) };
  }

  bindDriver(bdf: string, driver = 'vfio-pci'): void {
    const link = this.process.readlink(`${DEVICES}/${bdf}/driver`);
    if (typeof link === 'string' && link.endsWith(`/${driver}`)) return;
    this.write(`${DEVICES}/${bdf}/driver_override`, driver);
    if (typeof link === 'string') this.write(`${DEVICES}/${bdf}/driver/unbind`, bdf);
    this.write(`/sys/bus/pci/drivers/${driver}/bind`, bdf);
  }

  /** The PF in the hands of vfio-pci with one VF, which is bound to it too. */
  withUserOwnedPf(pf: string): string {
    this.bindDriver(pf);
    return this.firstVf(pf);
  }

  firstVf(pf: string, driver = 'vfio-pci'): string {
    this.write(`${DEVICES}/${pf}/sriov_drivers_autoprobe`, '0');
    this.write(`${DEVICES}/${pf}/sriov_numvfs`, '1');
    const link = this.process.readlink(`${DEVICES}/${pf}/virtfn0`);
    const vf = String(link).split('/').at(-1)!;
    this.bindDriver(vf, driver);
    return vf;
  }

  /** A mediated serial port; the name of its character device. */
  createMtty(): string {
    this.write(MTTY, UUID);
    return (this.process.readdir(`/sys/bus/mdev/devices/${UUID}/vfio-dev`) as string[])[0]!;
  }

  cdev(bdf: string): number {
    const [name] = this.process.readdir(`${DEVICES}/${bdf}/vfio-dev`) as string[];
    return this.process.open(`/dev/vfio/devices/${name}`);
  }

  groupPath(bdf: string): string {
    const link = String(this.process.readlink(`${DEVICES}/${bdf}/iommu_group`));
    return `/dev/vfio/${link.split('/').at(-1)}`;
  }

  iommufd(): number {
    return this.process.open('/dev/iommu');
  }

  ioas(iommufd: number): number {
    this.call(iommufd, IOMMU.IOAS_ALLOC, [12, 0, 0]);
    return this.word(2);
  }

  /** An ioctl on 32-bit words; the words that come back are read with {@link word}. */
  call(fd: number, request: number, words: readonly number[]): number {
    this.process.memory.write(this.page, new Uint8Array(64));
    this.process.memory.write(this.page, new Uint8Array(Int32Array.from(words, (word) => word | 0).buffer));
    return this.process.ioctl(fd, request, this.page);
  }

  word(index: number): number {
    const bytes = this.process.memory.read(this.page + 4 * index, 4)!;
    return new DataView(bytes.buffer).getInt32(0, true);
  }

  bind(cdev: number, iommufd: number): number {
    return this.call(cdev, VFIO.DEVICE_BIND_IOMMUFD, [24, 0, iommufd, 0, 0, 0]);
  }

  bindWithToken(cdev: number, iommufd: number, token: Uint8Array): number {
    const at = this.page + 2048;
    this.process.memory.write(at, token);
    return this.call(cdev, VFIO.DEVICE_BIND_IOMMUFD, [24, 1, iommufd, 0, at % 2 ** 32, Math.floor(at / 2 ** 32)]);
  }

  attach(cdev: number, ptId: number): number {
    return this.call(cdev, VFIO.DEVICE_ATTACH_IOMMUFD_PT, [12, 0, ptId]);
  }

  detach(cdev: number): number {
    return this.call(cdev, VFIO.DEVICE_DETACH_IOMMUFD_PT, [8, 0]);
  }

  /** A device opened through its group, whose container is the iommufd. */
  throughGroup(bdf: string, iommufd: number): number {
    const group = this.process.open(this.groupPath(bdf));
    this.call(group, VFIO.GROUP_SET_CONTAINER, [iommufd]);
    return this.fromGroup(group, bdf);
  }

  /** The same with a container of type 1. */
  openedThrough(container: number, group: number, bdf: string): number {
    this.call(group, VFIO.GROUP_SET_CONTAINER, [container]);
    this.process.ioctl(container, VFIO.SET_IOMMU, EXTENSION.TYPE1v2_IOMMU);
    return this.fromGroup(group, bdf);
  }

  /** One whose reads do not wait. */
  eventfd(): number {
    const fd = this.process.files.install(new EventFd());
    this.process.setNonblock(fd, true);
    return fd;
  }

  fromGroup(group: number, bdf: string): number {
    this.process.memory.write(this.page, Buffer.from(`${bdf}\0`));
    return this.process.ioctl(group, VFIO.GROUP_GET_DEVICE_FD, this.page);
  }

  hotResetInfo(cdev: number): { flags: number; ids: number[] } {
    if (this.call(cdev, VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, [200, 0, 0]) !== 0) throw new Error('hot reset info');
    return { flags: this.word(1), ids: Array.from({ length: this.word(2) }, (_, index) => this.word(3 + 2 * index)) };
  }

  write(path: string, text: string): void {
    const fd = this.process.open(path, { read: false, write: true, nonblock: false });
    this.process.memory.write(this.page, Buffer.from(text));
    const done = fd < 0 ? fd : this.process.write(fd, this.page, text.length);
    if (done < 0) throw new Error(`${path} ${text}: ${done}`);
    this.process.close(fd);
  }
}
