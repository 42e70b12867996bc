/** What an administrator does: binding, ids, overrides, VFs. A failure below a write leaves nothing behind. */
import { describe, expect, test } from 'vitest';
import { mlx5Machine } from '../../sim/machines/mlx5.ts';
import { recordedNoLinkActive } from '../../sim/machines/recorded.ts';
import { IommufdClient } from '../../src/client/index.ts';
import { Machine } from '../../src/machine/index.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { mlx5 } from '../../variants/mlx5/index.ts';
import { type FaultCase, prove } from './prove.ts';
import { cdev, checked, Desk, EDU, GroupDesk, give, IGB, IOVA, NVME, PAGE, vfioDesk } from './scenes.ts';

const DEVICES = '/sys/bus/pci/devices';
const DRIVER = '/sys/bus/pci/drivers/vfio-pci';

/** A text written to an attribute of a machine that `prepare` made ready. */
function write(
  name: string,
  path: string,
  text: string,
  prepare: () => Desk,
  more: Partial<FaultCase> = {},
): FaultCase {
  return {
    name,
    scene() {
      const desk = prepare();
      const fd = desk.attribute(path);
      return desk.scene(() => desk.write(fd, text));
    },
    ...more,
  };
}

const plain = (): Desk => new Desk(new Machine(recordedNoLinkActive));
/** The host's driver has let go of a function, whose VFs and neighbours nobody probes by himself. */
function free(bdf: string): Desk {
  const desk = plain();
  desk.machine.kernel.run(desk.machine.kernel.bus.unbind(desk.pdev(bdf)));
  desk.pdev(bdf).driverOverride = 'vfio-pci';
  return desk;
}
function quiet(bdf: string, desk = plain()): Desk {
  desk.pdev(bdf).sriovDriversAutoprobe = false;
  return desk;
}

const CASES: readonly FaultCase[] = [
  write('driver_override', `${DEVICES}/${EDU}/driver_override`, 'vfio-pci\n', plain),
  write('new_id', `${DRIVER}/new_id`, '1234 5678', plain),
  write('new_id with every field', `${DRIVER}/new_id`, '1234 5678 0 0 0 0 1', plain),
  write('reset_method', `${DEVICES}/${NVME}/reset_method`, 'bus flr', plain),
  write('bind of a function', `${DRIVER}/bind`, EDU, () => free(EDU)),
  write('bind of a PF', `${DRIVER}/bind`, NVME, () => free(NVME)),
  write('sriov_numvfs', `${DEVICES}/${IGB}/sriov_numvfs`, '3', () => quiet(IGB)),
  write('sriov_numvfs of a PF in user hands', `${DEVICES}/${NVME}/sriov_numvfs`, '2', () => {
    const desk = vfioDesk([]);
    give(desk, NVME);
    quiet(NVME, desk);
    // Nobody takes the VFs meanwhile: a bind that fails does not fail the write.
    desk.machine.kernel.bus.drivers.delete('vfio-pci');
    return desk;
  }),
  write('sriov_numvfs of an mlx5 card', '/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs', '2', () =>
    quiet('0000:01:00.0', new Desk(new Machine(mlx5Machine, { variants: [mlx5] }))),
  ),
  {
    name: 'read of an attribute',
    scene() {
      const desk = plain();
      const fd = checked(desk.process.open(`${DEVICES}/${EDU}/vendor`, { read: true, write: false, nonblock: false }));
      return desk.scene(() => desk.process.read(fd, desk.page, 16));
    },
  },
  {
    name: 'bind of an mlx5 VF to its variant',
    scene() {
      const desk = quiet('0000:01:00.0', new Desk(new Machine(mlx5Machine, { variants: [mlx5] })));
      checked(desk.write(desk.attribute('/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs'), '1'));
      const [vf] = desk.pdev('0000:01:00.0').virtfns;
      vf!.driverOverride = 'mlx5-vfio-pci';
      const fd = desk.attribute('/sys/bus/pci/drivers/mlx5-vfio-pci/bind');
      return desk.scene(() => desk.write(fd, vf!.name));
    },
    command: { status: 1, errno: ERRNO.EIO },
    exceptions: [
      {
        kind: 'command',
        at: [1, -1],
        why: 'mlx5vf_cmd_set_migratable: a VF whose parent does not answer is bound without migration',
        answer: 0,
      },
    ],
  },
];

/** VFIO's container ioctls on an iommufd. */
function compat() {
  const { desk, iommufd } = cdev();
  checked(iommufd.process.close(iommufd.fd));
  const user = new IommufdClient(desk.process, '/dev/iommu', desk.scratch);
  const ioas = checked(user.allocIoas());
  checked(user.call('VFIO_IOAS', { ioas_id: ioas, op: 1 }));
  const map = (): number => {
    const words = [32, 3, desk.page % 2 ** 32, Math.floor(desk.page / 2 ** 32), IOVA, 0, 4 * PAGE, 0];
    return desk.ioctl(user.fd, VFIO.IOMMU_MAP_DMA, ...words);
  };
  return { desk, user, map };
}

const COMPAT: readonly FaultCase[] = [
  {
    name: 'IOMMU_MAP_DMA on an iommufd',
    scene() {
      const { desk, map } = compat();
      return desk.scene(map);
    },
  },
  {
    name: 'IOMMU_UNMAP_DMA on an iommufd',
    scene() {
      const { desk, user, map } = compat();
      checked(map());
      return desk.scene(() => desk.ioctl(user.fd, VFIO.IOMMU_UNMAP_DMA, 24, 0, IOVA, 0, 4 * PAGE, 0));
    },
    exceptions: [
      { kind: 'copy', at: -1, why: 'iommufd_vfio_unmap_dma: the size is copied out when the mapping is gone' },
    ],
  },
  {
    name: 'IOMMU_GET_INFO on an iommufd',
    scene() {
      const { desk, user } = compat();
      return desk.scene(() => desk.ioctl(user.fd, VFIO.IOMMU_GET_INFO, 256, ...Array(63).fill(0)));
    },
  },
];

describe('every failure below a write of the administrator is undone', () => {
  test.each([...CASES, ...COMPAT])('$name', (given) => void prove(given));
});

describe('a bind that fails', () => {
  test('leaves a function that can be bound and used', () => {
    const desk = free(NVME);
    const fd = desk.attribute(`${DRIVER}/bind`);
    desk.machine.kernel.faults.arm('allocation', 3);
    expect(desk.write(fd, NVME)).toBe(-ERRNO.ENOMEM);
    expect(desk.pdev(NVME).driverData).toBeUndefined();
    expect(desk.write(fd, NVME)).toBe(NVME.length);
    expect(new GroupDesk(NVME, desk).device().reset()).toBe(0);
  });
});
