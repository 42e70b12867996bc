/** iommufd and character devices: a failure below a call leaves nothing behind. */
import { describe, expect, test } from 'vitest';
import { HWPT_ALLOC_FLAG, HWPT_DATA, VIOMMU_TYPE } from '../../src/uapi/iommufd.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { type Device, PLAIN, Rig, TWINS } from '../iommufd/rig.ts';
import { type Exception, type FaultCase, prove, type Scene } from './prove.ts';
import { cdev, cdevPath, checked, IOVA, PAGE, vfioDesk } from './scenes.ts';

/** The answer is copied out when everything is done, and nothing is undone if that fails. */
const answeredLate = (where: string, leaves?: readonly RegExp[]): Exception => ({
  kind: 'copy',
  at: -1,
  why: `${where}: what was done stays when the answer cannot be copied out`,
  ...(leaves && { leaves }),
});

/** A user with a device and an IOAS of 64 KiB, in two mappings. */
function rigged() {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const memory = rig.allocate(16 * PAGE);
  checked(rig.map(ioas, IOVA, memory, 8 * PAGE));
  checked(rig.map(ioas, IOVA + 8 * PAGE, memory + 8 * PAGE, 8 * PAGE));
  return { rig, device, ioas, memory };
}

type Rigged = ReturnType<typeof rigged>;

/** A call on such a rig. What `prepare` makes is there when the call is made. */
function on<T>(
  name: string,
  prepare: (place: Rigged) => T,
  call: (place: Rigged, made: T) => number,
  exceptions: readonly Exception[] = [],
): FaultCase {
  const scene = (): Scene => {
    const place = rigged();
    const made = prepare(place);
    return { machine: place.rig.machine, call: () => call(place, made) };
  };
  return { name, scene, exceptions };
}

const nothing = (): void => {};
const parent = ({ rig, device, ioas }: Rigged): number => checked(rig.parent(device, ioas));
const viommuOf = (place: Rigged, type: number = VIOMMU_TYPE.ARM_SMMUV3): number =>
  checked(place.rig.make('VIOMMU_ALLOC', { type, dev_id: place.device.id, hwpt_id: parent(place) }));
const attached = (place: Rigged): number => checked(place.device.attach(place.ioas));

const CASES: readonly FaultCase[] = [
  on('IOAS_ALLOC', nothing, ({ rig }) => rig.ioas()),
  on('IOAS_MAP without a page table', nothing, ({ rig, ioas, memory }) => rig.map(ioas, 2 * IOVA, memory, 4 * PAGE), [
    answeredLate('iommufd_ioas_map', [/^iommufds/]),
  ]),
  on('IOAS_MAP into a page table', attached, ({ rig, ioas, memory }) => rig.map(ioas, 2 * IOVA, memory, 4 * PAGE), [
    answeredLate('iommufd_ioas_map'),
  ]),
  on(
    'IOAS_MAP where the kernel likes, into two page tables',
    (place) => {
      attached(place);
      parent(place);
    },
    ({ rig, ioas, memory }) => rig.call('IOAS_MAP', { ioas_id: ioas, flags: 6, user_va: memory, length: 4 * PAGE }),
    [answeredLate('iommufd_ioas_map')],
  ),
  on(
    'IOAS_MAP_FILE',
    (place) => {
      attached(place);
      return checked(place.rig.process.memfd(4 * PAGE));
    },
    ({ rig, ioas }, fd) =>
      rig.call('IOAS_MAP_FILE', { ioas_id: ioas, flags: 7, fd, start: 0, length: 4 * PAGE, iova: 2 * IOVA }),
    [answeredLate('iommufd_ioas_map_file')],
  ),
  on(
    'IOAS_COPY of two mappings into an IOAS with a page table',
    ({ rig, device }) => {
      const target = rig.ioas();
      checked(device.attach(target));
      return target;
    },
    ({ rig, ioas }, target) =>
      rig.call('IOAS_COPY', {
        flags: 7,
        dst_ioas_id: target,
        src_ioas_id: ioas,
        length: 16 * PAGE,
        dst_iova: IOVA,
        src_iova: IOVA,
      }),
    [answeredLate('iommufd_ioas_copy')],
  ),
  on('IOAS_UNMAP', attached, ({ rig, ioas }) => rig.unmap(ioas, IOVA, 8 * PAGE), [answeredLate('iommufd_ioas_unmap')]),
  on('IOAS_IOVA_RANGES', attached, ({ rig, ioas, memory }) =>
    rig.call('IOAS_IOVA_RANGES', { ioas_id: ioas, num_iovas: 8, allowed_iovas: memory }),
  ),
  on(
    'IOAS_ALLOW_IOVAS',
    ({ rig, memory }) => rig.put(memory, IOVA, 2 * IOVA, 4 * IOVA, 5 * IOVA),
    ({ rig, ioas, memory }) => rig.call('IOAS_ALLOW_IOVAS', { ioas_id: ioas, num_iovas: 2, allowed_iovas: memory }),
  ),
  on('DESTROY', parent, ({ rig }, hwpt) => rig.destroy(hwpt)),
  on('OPTION', nothing, ({ rig, ioas }) => rig.call('OPTION', { option_id: 1, op: 1, object_id: ioas })),
  on(
    'IOAS_CHANGE_PROCESS',
    ({ rig, ioas }) => {
      checked(rig.unmap(ioas, 0, 0xffff_ffff_ffff_ffffn));
      const fd = checked(rig.process.memfd(PAGE));
      checked(rig.call('IOAS_MAP_FILE', { ioas_id: ioas, flags: 7, fd, start: 0, length: PAGE, iova: IOVA }));
      rig.ioas();
    },
    ({ rig }) => rig.call('IOAS_CHANGE_PROCESS'),
  ),
  on('HWPT_ALLOC', nothing, ({ rig, device, ioas }) => rig.hwpt(device, ioas)),
  on('HWPT_ALLOC beside another page table', attached, ({ rig, device, ioas }) =>
    rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.DIRTY_TRACKING),
  ),
  on(
    'HWPT_ALLOC with a fault queue',
    ({ rig }) => checked(rig.make('FAULT_QUEUE_ALLOC')),
    ({ rig, device, ioas }, queue) => rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.FAULT_ID_VALID, { fault_id: queue }),
  ),
  on('HWPT_ALLOC of a nested page table', parent, ({ rig, device, memory }, base) => {
    rig.put(memory, 0, 0x1000, 48);
    return rig.hwpt(device, base, 0, { data_type: HWPT_DATA.VTD_S1, data_len: 24, data_uptr: memory });
  }),
  on('HWPT_SET_DIRTY_TRACKING', parent, ({ rig }, hwpt) =>
    rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt, flags: 1 }),
  ),
  on(
    'HWPT_GET_DIRTY_BITMAP',
    (place) => {
      const hwpt = parent(place);
      checked(place.rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: hwpt, flags: 1 }));
      return { hwpt, data: place.rig.allocate(PAGE) };
    },
    ({ rig }, { hwpt, data }) =>
      rig.call('HWPT_GET_DIRTY_BITMAP', { hwpt_id: hwpt, iova: IOVA, length: 16 * PAGE, page_size: PAGE, data }),
  ),
  on('GET_HW_INFO', nothing, ({ rig, device, memory }) =>
    rig.call('GET_HW_INFO', { dev_id: device.id, data_len: 64, data_uptr: memory }),
  ),
  on('FAULT_QUEUE_ALLOC', nothing, ({ rig }) => rig.make('FAULT_QUEUE_ALLOC')),
  on('VIOMMU_ALLOC', parent, ({ rig, device }, hwpt) =>
    rig.make('VIOMMU_ALLOC', { type: VIOMMU_TYPE.ARM_SMMUV3, dev_id: device.id, hwpt_id: hwpt }),
  ),
  on('VDEVICE_ALLOC', viommuOf, ({ rig, device }, viommu) =>
    rig.make('VDEVICE_ALLOC', { viommu_id: viommu, dev_id: device.id, virt_id: 5 }),
  ),
  on('VEVENTQ_ALLOC', viommuOf, ({ rig }, viommu) =>
    rig.make('VEVENTQ_ALLOC', { viommu_id: viommu, type: 1, veventq_depth: 4 }),
  ),
  on(
    'HW_QUEUE_ALLOC',
    (place) => viommuOf(place, VIOMMU_TYPE.TEGRA241_CMDQV),
    ({ rig }, viommu) =>
      rig.make('HW_QUEUE_ALLOC', { viommu_id: viommu, type: 1, nesting_parent_iova: IOVA, length: 2 * PAGE }),
  ),
  on('HWPT_INVALIDATE of a vIOMMU, two commands', viommuOf, ({ rig, memory }, viommu) => {
    rig.put(memory, 0x10, 0, 0x11, 0);
    const data = { data_type: 1, data_uptr: memory, entry_len: 16, entry_num: 2 };
    return rig.call('HWPT_INVALIDATE', { hwpt_id: viommu, ...data });
  }),
  on(
    'ATTACH of a PASID',
    ({ rig, device, ioas }) => checked(rig.hwpt(device, ioas, HWPT_ALLOC_FLAG.PASID)),
    ({ device }, hwpt) => device.attach(hwpt, 5),
    [
      {
        kind: 'copy',
        at: -1,
        why: 'vfio_df_ioctl_attach_pt: the attachment of the function itself goes, not that of the PASID',
      },
    ],
  ),
  on('VFIO_IOAS', nothing, ({ rig, ioas }) => rig.call('VFIO_IOAS', { ioas_id: ioas, op: 1 })),
  on('ATTACH to an IOAS, by a page table of its own', nothing, ({ device, ioas }) => device.attach(ioas)),
  on('ATTACH to a page table', parent, ({ device }, hwpt) => device.attach(hwpt)),
  on(
    'ATTACH in place of another page table',
    (place) => {
      attached(place);
      return checked(place.rig.ioas());
    },
    ({ device }, other) => device.attach(other),
    [
      {
        kind: 'copy',
        at: -1,
        why: 'vfio_df_ioctl_attach_pt: the attachment goes, and the one before it is gone already',
      },
    ],
  ),
  on('DETACH', attached, ({ device }) => device.detach()),
  {
    name: 'ATTACH of the second device of a group',
    scene() {
      const rig = new Rig();
      const [first, second] = TWINS.map((name) => rig.device(name)) as [Device, Device];
      const ioas = rig.ioas();
      checked(first.attach(ioas));
      return { machine: rig.machine, call: () => second.attach(ioas) };
    },
  },
];

const CDEV: readonly FaultCase[] = [
  {
    name: 'open of /dev/iommu',
    scene() {
      const desk = vfioDesk();
      return desk.scene(() => desk.process.open('/dev/iommu'));
    },
  },
  {
    name: 'open of a character device',
    scene() {
      const desk = vfioDesk();
      return desk.scene(() => desk.process.open(cdevPath(desk, '0000:00:03.0')));
    },
  },
  {
    name: 'BIND_IOMMUFD',
    scene() {
      const { desk, iommufd, fd } = cdev();
      return desk.scene(() => iommufd.bind(fd));
    },
  },
  {
    name: 'ATTACH_IOMMUFD_PT of a real device',
    scene() {
      const { desk, iommufd, fd } = cdev();
      checked(iommufd.bind(fd));
      const ioas = checked(iommufd.allocIoas());
      checked(iommufd.map(ioas, desk.page, 4 * PAGE, IOVA));
      return desk.scene(() => iommufd.attach(fd, ioas));
    },
  },
  {
    name: 'GET_PCI_HOT_RESET_INFO of a character device',
    scene() {
      const { desk, iommufd, fd } = cdev('0000:02:00.0');
      checked(iommufd.bind(fd));
      return desk.scene(() => desk.ioctl(fd, VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, 64, ...Array(15).fill(0)));
    },
  },
];

describe('every failure below a call of iommufd is undone', () => {
  test.each([...CASES, ...CDEV])('$name', (given) => {
    const passed = prove(given);
    expect(passed.allocation + passed.copy).toBeGreaterThan(0);
  });
});
