/** Groups, containers and type1: a failure below a call leaves nothing behind. */
import { describe, expect, test } from 'vitest';
import { ContainerClient } from '../../src/client/index.ts';
import { EXTENSION, VFIO } from '../../src/uapi/vfio.ts';
import { type FaultCase, prove } from './prove.ts';
import { checked, EDU, GroupDesk, IOVA, NVME, PAGE, vfioDesk } from './scenes.ts';

const groupOf = (desk: ReturnType<typeof vfioDesk>, bdf = EDU): string => `/dev/vfio/${desk.pdev(bdf).group!.id}`;

/** A container of type1 with a mapping, and dirty tracking if asked for. */
function mapped(tracking = false) {
  const place = new GroupDesk();
  checked(place.container.map(place.desk.page, IOVA, 4 * PAGE));
  if (tracking) checked(dirtyPages(place, 1));
  return place;
}

/** VFIO_IOMMU_DIRTY_PAGES: 1 start, 2 stop, 4 the bitmap of the mapping. */
function dirtyPages(place: GroupDesk, flags: number): number {
  const bitmap = place.desk.page + 8 * PAGE;
  const words = [56, flags, IOVA, 0, 4 * PAGE, 0, PAGE, 0, 8, 0, bitmap % 2 ** 32, Math.floor(bitmap / 2 ** 32)];
  return place.desk.ioctl(place.container.fd, VFIO.IOMMU_DIRTY_PAGES, ...words);
}

const CASES: readonly FaultCase[] = [
  {
    name: 'open of /dev/vfio/vfio',
    scene() {
      const desk = vfioDesk([]);
      return desk.scene(() => desk.process.open('/dev/vfio/vfio'));
    },
  },
  {
    name: 'open of a group',
    scene() {
      const desk = vfioDesk();
      return desk.scene(() => desk.process.open(groupOf(desk)));
    },
  },
  {
    name: 'GROUP_GET_STATUS',
    scene() {
      const { desk, group } = new GroupDesk();
      return desk.scene(() => desk.ioctl(group, VFIO.GROUP_GET_STATUS, 8, 0));
    },
  },
  {
    name: 'GROUP_SET_CONTAINER',
    scene() {
      const desk = vfioDesk();
      const group = checked(desk.process.open(groupOf(desk)));
      const container = checked(desk.process.open('/dev/vfio/vfio'));
      return desk.scene(() => desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, container));
    },
  },
  {
    name: 'GROUP_SET_CONTAINER of a second group, which gets the mappings of the first',
    scene() {
      const place = new GroupDesk(EDU, vfioDesk([EDU, NVME]));
      const { desk, container } = place;
      checked(container.map(desk.page, IOVA, 4 * PAGE));
      const group = checked(desk.process.open(groupOf(desk, NVME)));
      return desk.scene(() => desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, container.fd));
    },
  },
  {
    name: 'GROUP_SET_CONTAINER with an iommufd',
    scene() {
      const desk = vfioDesk();
      const group = checked(desk.process.open(groupOf(desk)));
      const iommufd = checked(desk.process.open('/dev/iommu'));
      return desk.scene(() => desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, iommufd));
    },
  },
  {
    name: 'SET_IOMMU',
    scene() {
      const desk = vfioDesk();
      const group = checked(desk.process.open(groupOf(desk)));
      const container = checked(desk.process.open('/dev/vfio/vfio'));
      checked(desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, container));
      return desk.scene(() => desk.process.ioctl(container, VFIO.SET_IOMMU, EXTENSION.TYPE1v2_IOMMU));
    },
  },
  {
    name: 'SET_IOMMU for two groups',
    scene() {
      const desk = vfioDesk([EDU, NVME]);
      const container = checked(desk.process.open('/dev/vfio/vfio'));
      for (const bdf of [EDU, NVME]) {
        const group = checked(desk.process.open(groupOf(desk, bdf)));
        checked(desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, container));
      }
      return desk.scene(() => desk.process.ioctl(container, VFIO.SET_IOMMU, EXTENSION.TYPE1_IOMMU));
    },
  },
  {
    name: 'GROUP_GET_DEVICE_FD',
    scene() {
      const place = new GroupDesk();
      const name = place.desk.page;
      place.desk.process.memory.write(name, Buffer.from(`${EDU}\0`));
      return place.scene(() => place.desk.process.ioctl(place.group, VFIO.GROUP_GET_DEVICE_FD, name));
    },
  },
  {
    name: 'GROUP_GET_DEVICE_FD of a device that is open already',
    scene() {
      const place = new GroupDesk();
      place.device();
      const name = place.desk.page;
      place.desk.process.memory.write(name, Buffer.from(`${EDU}\0`));
      return place.scene(() => place.desk.process.ioctl(place.group, VFIO.GROUP_GET_DEVICE_FD, name));
    },
  },
  {
    name: 'GROUP_GET_DEVICE_FD in a group of an iommufd',
    scene() {
      const desk = vfioDesk();
      const container = new ContainerClient(desk.process, desk.scratch);
      const group = checked(desk.process.open(groupOf(desk)));
      const iommufd = checked(desk.process.open('/dev/iommu'));
      checked(desk.ioctl(group, VFIO.GROUP_SET_CONTAINER, iommufd));
      checked(desk.process.close(container.fd));
      const name = desk.page;
      desk.process.memory.write(name, Buffer.from(`${EDU}\0`));
      return desk.scene(() => desk.process.ioctl(group, VFIO.GROUP_GET_DEVICE_FD, name));
    },
  },
  {
    name: 'IOMMU_GET_INFO with capabilities',
    scene() {
      const place = new GroupDesk();
      return place.scene(() => {
        const info = place.container.info();
        return typeof info === 'number' ? info : 0;
      });
    },
  },
  {
    name: 'IOMMU_MAP_DMA',
    scene() {
      const place = new GroupDesk();
      return place.scene(() => place.container.map(place.desk.page, IOVA, 4 * PAGE));
    },
  },
  {
    name: 'IOMMU_MAP_DMA while dirty pages are tracked',
    scene() {
      const place = mapped(true);
      return place.scene(() => place.container.map(place.desk.page, 2 * IOVA, 4 * PAGE));
    },
  },
  {
    name: 'IOMMU_UNMAP_DMA',
    scene() {
      const place = mapped();
      return place.scene(() => place.container.unmap(IOVA, 4 * PAGE));
    },
    exceptions: [
      {
        kind: 'copy',
        at: -1,
        why: 'vfio_iommu_type1_unmap_dma: the size is copied out when the mappings are gone',
        leaves: [/^type1/, /^memory: pins/, /^IOMMU: mappings of groups/, /locked pages/],
      },
    ],
  },
  {
    name: 'IOMMU_UNMAP_DMA with its dirty bitmap',
    scene() {
      const place = mapped(true);
      const bitmap = place.desk.page + 8 * PAGE;
      const words = [48, 1, IOVA, 0, 4 * PAGE, 0, PAGE, 0, 8, 0, bitmap % 2 ** 32, Math.floor(bitmap / 2 ** 32)];
      return place.scene(() => place.desk.ioctl(place.container.fd, VFIO.IOMMU_UNMAP_DMA, ...words));
    },
    exceptions: [
      {
        kind: 'copy',
        at: -1,
        why: 'vfio_iommu_type1_unmap_dma: the size is copied out when the mappings are gone',
        leaves: [/^type1/, /^memory: pins/, /^IOMMU: mappings of groups/, /locked pages/],
      },
    ],
  },
  {
    name: 'IOMMU_UNMAP_DMA that takes addresses away',
    scene() {
      const place = mapped();
      return place.scene(() => place.container.unmap(IOVA, 4 * PAGE, 4));
    },
    exceptions: [
      {
        kind: 'copy',
        at: -1,
        why: 'vfio_iommu_type1_unmap_dma: the size is copied out when the addresses are gone',
        leaves: [/^type1: without an address/],
      },
    ],
  },
  {
    name: 'IOMMU_MAP_DMA that gives an address back',
    scene() {
      const place = mapped();
      checked(place.container.unmap(IOVA, 4 * PAGE, 4));
      return place.scene(() => place.container.map(place.desk.page, IOVA, 4 * PAGE, 4));
    },
  },
  {
    name: 'IOMMU_DIRTY_PAGES start',
    scene() {
      const place = mapped();
      for (let more = 1; more < 4; more++) checked(place.container.map(place.desk.page, IOVA * (1 + more), PAGE));
      return place.scene(() => dirtyPages(place, 1));
    },
  },
  {
    name: 'IOMMU_DIRTY_PAGES bitmap',
    scene() {
      const place = mapped(true);
      return place.scene(() => dirtyPages(place, 4));
    },
  },
  {
    name: 'IOMMU_DIRTY_PAGES stop',
    scene() {
      const place = mapped(true);
      return place.scene(() => dirtyPages(place, 2));
    },
  },
];

describe('every failure below a call of groups and containers is undone', () => {
  test.each(CASES)('$name', (given) => {
    const passed = prove(given);
    expect(passed.allocation + passed.copy + passed.file).toBeGreaterThan(0);
  });
});
