/**
 * mtty: serial ports as mediated devices (samples/vfio-mdev/mtty.c). It stands on the VFIO core alone, without
 * vfio-pci-core and without hardware: an administrator makes devices by writing UUIDs.
 */
import type { Task } from '../../src/kernel/sleep.ts';
import { collection, type Directory, directory, type Node, value } from '../../src/kernel/sysfs/node.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import type { EmulatedVariant } from '../../src/variant/index.ts';
import type { VfioCore } from '../../src/vfio/core.ts';
import type { VfioDevice } from '../../src/vfio/device.ts';
import { vfioDevEntries } from '../../src/vfio/sysfs.ts';
import { DECLARATION } from './declaration.ts';
import { Mtty } from './device.ts';

/** Ports that all devices have together. */
const PORTS = 24;
/** Types, by the number of ports a device of the type has. */
const TYPES: Readonly<Record<string, number>> = { 'mtty-1': 1, 'mtty-2': 2 };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const PARENT = '/sys/devices/virtual/mtty/mtty';

/** The module on one machine. */
class MttyParent {
  private readonly devices = new Map<string, { readonly mtty: Mtty; readonly type: string }>();
  private readonly vfio: VfioCore;

  constructor(vfio: VfioCore) {
    this.vfio = vfio;
  }

  /** /sys/devices/virtual/mtty */
  get parents(): Directory {
    return directory({
      mtty: () =>
        directory({
          mdev_supported_types: () =>
            collection(
              () => Object.keys(TYPES),
              (name) => this.type(name),
            ),
        }),
    });
  }

  /** /sys/bus/mdev */
  get bus(): Directory {
    return directory({
      devices: () =>
        collection(
          () => this.devices.keys(),
          (uuid) => this.device(uuid),
        ),
    });
  }

  private get available(): number {
    let used = 0;
    for (const { mtty } of this.devices.values()) used += mtty.ports.length;
    return PORTS - used;
  }

  private type(name: string): Node | undefined {
    const ports = TYPES[name];
    if (ports === undefined) return undefined;
    return directory({
      available_instances: () => value(() => Math.floor(this.available / ports)),
      create: () => ({ kind: 'attribute', store: (text) => this.create(name, ports, text.trim()) }),
      device_api: () => value(() => 'vfio-pci'),
    });
  }

  private device(uuid: string): Node | undefined {
    const known = this.devices.get(uuid);
    if (known === undefined) return undefined;
    const { mtty, type } = known;
    return directory({
      iommu_group: () => ({ kind: 'link', target: `/sys/kernel/iommu_groups/${mtty.vdev.group!.id}` }),
      mdev_type: () => ({ kind: 'link', target: `${PARENT}/mdev_supported_types/${type}` }),
      ...vfioDevEntries(mtty.vdev as unknown as VfioDevice),
      remove: () => ({ kind: 'attribute', store: (text) => this.remove(uuid, mtty.vdev, text.trim()) }),
    });
  }

  private create(type: string, ports: number, uuid: string): number {
    if (!UUID.test(uuid)) return -ERRNO.EINVAL;
    if (this.devices.has(uuid)) return -ERRNO.EEXIST;
    if (this.available < ports) return -ERRNO.EUSERS;
    // A copy of the text, the mediated device, and its configuration space (mdev_device_create, mtty_init_dev).
    const { faults } = this.vfio;
    if (faults.allocation.fails() || faults.allocation.fails() || faults.allocation.fails()) return -ERRNO.ENOMEM;
    const mtty = new Mtty(uuid, ports, faults);
    const result = this.vfio.registerDevice(mtty.vdev as unknown as VfioDevice, undefined, 'emulated');
    if (result === 0) this.devices.set(uuid, { mtty, type });
    return result;
  }

  private *remove(uuid: string, vdev: VfioDevice<Mtty>, text: string): Task<number> {
    if (Number(text) === 0) return 0;
    yield* this.vfio.unregisterDevice(vdev as unknown as VfioDevice);
    this.devices.delete(uuid);
    return 0;
  }
}

/** The module as a variant that is loaded, described and checked like the others. */
export const mtty: EmulatedVariant = {
  name: 'mtty',
  declaration: DECLARATION,
  load({ kernel, vfio }) {
    const parent = new MttyParent(vfio);
    kernel.buses.mdev = () => parent.bus;
    kernel.virtualDevices.mtty = () => parent.parents;
  },
};
