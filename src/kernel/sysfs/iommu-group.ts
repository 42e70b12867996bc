/** /sys/kernel/iommu_groups (drivers/iommu/iommu.c of Linux 7.3). */
import type { IommuGroup } from '../iommu-group.ts';
import type { PciBus } from '../pci/bus.ts';
import { collection, type Directory, directory, value } from './node.ts';
import { devicePath } from './pci-device.ts';

const wide = (n: number): string => `0x${n.toString(16).padStart(16, '0')}`;

function groupDirectory(group: IommuGroup): Directory {
  return directory({
    devices: () =>
      collection(
        () => [...group.ports, ...group.devices.map((device) => device.name)].sort(),
        (name) => ({ kind: 'link', target: devicePath(name) }),
      ),
    type: () => value(() => 'DMA-FQ'),
    reserved_regions: () => ({
      kind: 'attribute',
      show: () => group.reservedRegions.map((r) => `${wide(r.start)} ${wide(r.end)} ${r.type}\n`).join(''),
    }),
  });
}

export function iommuGroups(bus: PciBus): Directory {
  return collection(
    () => [...bus.groups.keys()].map(String),
    (name) => {
      const group = bus.groups.get(Number(name));
      return group && groupDirectory(group);
    },
  );
}
