/** What the proof is worth: it notices unwinding that is missing, whichever piece of it. */
import { describe, expect, test } from 'vitest';
import { ObjectTable } from '../../src/iommufd/object-table.ts';
import { Reserved } from '../../src/iommufd/reserved.ts';
import { FdTable } from '../../src/kernel/fd-table.ts';
import { IommuGroup } from '../../src/kernel/iommu-group.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { VfioGroup } from '../../src/vfio/group.ts';
import { Accounting } from '../../src/vfio/type1/accounting.ts';
import { Pinning } from '../../src/vfio/type1/pinning.ts';
import { DataBuffer } from '../../variants/mlx5/data-buffer.ts';
import { patch } from '../defects/patch.ts';
import { type FaultCase, prove } from './prove.ts';
import { cdev, checked, EDU, GroupDesk, IOVA, migratable, PAGE } from './scenes.ts';

const map: FaultCase = {
  name: 'IOMMU_MAP_DMA',
  scene() {
    const place = new GroupDesk();
    return place.scene(() => place.container.map(place.desk.page, IOVA, 4 * PAGE));
  },
};
const open: FaultCase = {
  name: 'GROUP_GET_DEVICE_FD',
  scene() {
    const place = new GroupDesk();
    const name = place.desk.page;
    place.desk.process.memory.write(name, Buffer.from(`${EDU}\0`));
    return place.scene(() => place.desk.process.ioctl(place.group, VFIO.GROUP_GET_DEVICE_FD, name));
  },
};
const bind: FaultCase = {
  name: 'BIND_IOMMUFD',
  scene() {
    const { desk, iommufd, fd } = cdev();
    return desk.scene(() => iommufd.bind(fd));
  },
};
const attach: FaultCase = {
  name: 'ATTACH_IOMMUFD_PT',
  scene() {
    const { desk, iommufd, fd } = cdev();
    checked(iommufd.bind(fd));
    const ioas = checked(iommufd.allocIoas());
    return desk.scene(() => iommufd.attach(fd, ioas));
  },
};
const log: FaultCase = {
  name: 'DMA_LOGGING_START',
  command: { status: 1, errno: 5 },
  scene() {
    const { desk, device } = migratable();
    return desk.scene(() => device.startLogging(IOVA, 16 * PAGE));
  },
};

type Undo = () => void;
const PLANTED: readonly (readonly [what: string, given: FaultCase, plant: () => Undo])[] = [
  ['locked memory that is not given back', map, () => patch(Accounting.prototype, 'uncharge', () => () => {})],
  ['a mapping that stays in the list', map, () => patch(Pinning.prototype, 'remove', () => () => {})],
  ['a number that nobody gives back', open, () => patch(FdTable.prototype, 'giveBack', () => () => {})],
  ['a device that is not closed again', open, () => patch(VfioGroup.prototype, 'closeDevice', () => function* () {})],
  ['DMA that stays claimed', bind, () => patch(IommuGroup.prototype, 'release', () => () => {})],
  ['an object that keeps its number', attach, () => patch(ObjectTable.prototype, 'remove', () => () => {})],
  ['a range that stays reserved', attach, () => patch(Reserved.prototype, 'removeOwner', () => () => {})],
  ['pages of the kernel that are lost', log, () => patch(DataBuffer.prototype, 'free', () => function* () {})],
];

describe('the proof notices', () => {
  test.each(PLANTED)('%s', (_what, given, plant) => {
    prove(given);
    const undo = plant();
    try {
      expect(() => prove(given)).toThrow();
    } finally {
      undo();
    }
    prove(given);
  });
});
