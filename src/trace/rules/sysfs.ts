/** Files of sysfs that scripts write, by path. */

import { RAW_CONFIG } from './regions.ts';
import { type Rule, rule } from './rule.ts';

const BINDING = 'core-pci 15 Driver binding and module parameters';

/** The first pattern that fits. */
const BY_PATH: readonly (readonly [RegExp, Rule])[] = [
  [
    /\/sriov_numvfs$/,
    rule(
      'core-pci 12.3 SR-IOV via vfio-pci',
      'drivers/pci/iov.c: sriov_numvfs_store; vfio_pci_core.c: vfio_pci_core_sriov_configure',
      'ERANGE above TotalVFs, EBUSY from one number to another, ENOENT if the driver does not do it; a VF in use keeps 0 waiting',
    ),
  ],
  [
    /\/unbind$/,
    rule(
      'core-pci 2.5 unregister (driver remove)',
      'vfio_main.c: vfio_unregister_group_dev; vfio_pci_core.c: vfio_pci_core_unregister_device',
      'waits, and asks through REQ, until nobody has the device open or mapped',
    ),
  ],
  [
    /\/(bind|new_id|driver_override|drivers_probe|sriov_drivers_autoprobe)$/,
    rule(
      BINDING,
      'drivers/base/bus.c: bind_store; vfio_pci.c: vfio_pci_probe; vfio_pci_core.c: vfio_pci_core_register_device',
      'no bridges, nothing denied, no PF with VFs (EBUSY); a driver that uses the DMA API is refused while a user owns the group',
    ),
  ],
  [
    /\/reset(_method)?$/,
    rule(
      'core-pci 10.1 function reset',
      'drivers/pci/pci-sysfs.c: reset_store; drivers/pci/pci.c: pci_reset_function',
      'the first method that works, with configuration saved before and restored after',
    ),
  ],
  [/\/config$/, RAW_CONFIG],
  [
    /\/power(\/|_state$)/,
    rule('core-pci 11 Power', 'drivers/base/power/sysfs.c', 'an idle function sleeps until it is opened'),
  ],
  [
    /^\/sys\/module\//,
    rule(BINDING, 'vfio_pci.c: module_param', 'latched when a device is bound, except enable_sriov'),
  ],
  [
    /mdev_supported_types|\/remove$/,
    rule(
      'migration-core 13 The mtty sample device',
      'drivers/vfio/mdev/mdev_sysfs.c: create_store, remove_store',
      'a uuid makes a device of its type, as long as ports are left',
    ),
  ],
  [
    /\/iommu_groups?(\/|$)/,
    rule(
      'pci-hw 15 IOMMU group construction',
      'drivers/iommu/iommu.c: pci_device_group',
      'what is not isolated shares a group',
    ),
  ],
];

const ENUMERATION = rule(
  'pci-hw 19 Enumeration, binding surface',
  'drivers/pci/pci-sysfs.c',
  'attributes of the function as the PCI core keeps them',
);

/** What rules a file of sysfs. */
export function sysfsRule(path: string): Rule {
  return BY_PATH.find(([pattern]) => pattern.test(path))?.[1] ?? ENUMERATION;
}

export const BIND: Rule = sysfsRule('/bind');
export const UNBIND: Rule = sysfsRule('/unbind');

/** The limit of locked memory. */
export const RLIMIT: Rule = rule(
  'core-vfio 7.7 accounting',
  'kernel/sys.c: do_prlimit',
  'counts against the pages that mappings pin, unless CAP_IPC_LOCK is held',
);
