/** The vfio-pci driver: the library as it is, for any device an administrator names (drivers/vfio/pci/vfio_pci.c). */
import type { Result } from '../kernel/file.ts';
import type { PciDevice } from '../kernel/pci/device.ts';
import { ANY_ID, type PciDriver, type PciId } from '../kernel/pci/driver.ts';
import { ERRNO } from '../uapi/errno.ts';
import { VfioDevice, type VfioDeviceOps } from '../vfio/device.ts';
import { VfioPciCoreDevice } from './core-device.ts';
import { isDenied } from './denylist.ts';
import { DmaBufs } from './dma-buf.ts';
import { coreOps } from './ops.ts';
import {
  vfio_pci_core_aer_err_detected,
  vfio_pci_core_init_dev,
  vfio_pci_core_register_device,
  vfio_pci_core_sriov_configure,
  vfio_pci_core_unregister_device,
} from './register.ts';
import type { BusReset, VfioRegistry } from './registry.ts';

/** Module parameters under their names. Those that the kernel latches at bind are read then, enable_sriov when asked. */
export interface VfioPciParameters {
  /** `vendor:device[:...]`, separated by commas: devices to take without being named. Load time only. */
  ids: string;
  nointxmask: boolean;
  disable_vga: boolean;
  disable_idle_d3: boolean;
  enable_sriov: boolean;
  disable_denylist: boolean;
}

/** As the module comes up without parameters. */
export const DEFAULT_PARAMETERS: Readonly<VfioPciParameters> = {
  ids: '',
  nointxmask: false,
  disable_vga: false,
  disable_idle_d3: false,
  enable_sriov: false,
  disable_denylist: false,
};

type Switch = 'nointxmask' | 'disable_vga' | 'disable_idle_d3' | 'enable_sriov' | 'disable_denylist';
/** Parameters in /sys/module/vfio_pci/parameters, and those that can be set there (vfio_pci.c: module_param). */
export const VFIO_PCI_SHOWN: readonly Switch[] = [
  'nointxmask',
  'disable_vga',
  'disable_idle_d3',
  'enable_sriov',
  'disable_denylist',
];
export const VFIO_PCI_WRITABLE: readonly Switch[] = ['nointxmask', 'disable_idle_d3', 'enable_sriov'];

export const NAME = 'vfio-pci';

/** vfio-pci alone offers PASID attachment. */
export const vfioPciOps: VfioDeviceOps<VfioPciCoreDevice> = {
  ...coreOps<VfioPciCoreDevice>((core) => core),
  name: NAME,
  pasid: true,
};

/** vfio_pci_fill_ids: vendor:device[:subvendor[:subdevice[:class[:mask]]]]. A word with fewer than two is left out. */
function parseIds(text: string): PciId[] {
  const ids: PciId[] = [];
  for (const word of text.split(',')) {
    const fields = word.split(':').map((field) => Number.parseInt(field, 16));
    const end = fields.findIndex((field) => Number.isNaN(field));
    const [vendor, device, subvendor = ANY_ID, subdevice = ANY_ID, class_ = 0, classMask = 0] =
      end < 0 ? fields : fields.slice(0, end);
    if (vendor === undefined || device === undefined) continue;
    ids.push({ vendor, device, subvendor, subdevice, class: class_, classMask });
  }
  return ids;
}

/** The module, loaded into one machine. */
export class VfioPci {
  /** Writable while loaded, as in /sys/module/vfio_pci/parameters. */
  readonly parameters: VfioPciParameters;
  /** Without a matching id it binds through driver_override only. */
  readonly driver: PciDriver;
  private readonly registry: VfioRegistry;
  private readonly busReset: BusReset | undefined;

  constructor(registry: VfioRegistry, parameters: Partial<VfioPciParameters> = {}, busReset?: BusReset) {
    this.registry = registry;
    this.parameters = { ...DEFAULT_PARAMETERS, ...parameters };
    this.busReset = busReset;
    this.driver = {
      name: NAME,
      ids: parseIds(this.parameters.ids),
      managesDma: true,
      probe: (pdev) => this.probe(pdev),
      remove: (pdev) => vfio_pci_core_unregister_device(pdev.driverData as VfioPciCoreDevice),
      sriovConfigure: (pdev, count) => this.sriovConfigure(pdev, count),
      // The bus notifier: a VF of a PF in user hands must not fall to a host driver.
      virtualAdded: (_pdev, vf) => {
        vf.driverOverride = NAME;
      },
      errorDetected: vfio_pci_core_aer_err_detected,
    };
  }

  private probe(pdev: PciDevice): number {
    const { parameters } = this;
    if (!parameters.disable_denylist && isDenied(pdev)) return -ERRNO.EINVAL;
    const core = new VfioPciCoreDevice(pdev);
    core.busReset = this.busReset;
    core.dmaBufs = new DmaBufs();
    vfio_pci_core_init_dev(core, {
      nointxmask: parameters.nointxmask,
      disableVga: parameters.disable_vga,
      disableIdleD3: parameters.disable_idle_d3,
    });
    pdev.driverData = core;
    return vfio_pci_core_register_device(core, new VfioDevice(pdev.name, vfioPciOps, core), this.registry);
  }

  private sriovConfigure(pdev: PciDevice, count: number): Result {
    if (!this.parameters.enable_sriov) return -ERRNO.ENOENT;
    return vfio_pci_core_sriov_configure(pdev.driverData as VfioPciCoreDevice, count);
  }
}
