/** Permissions of the type 0 header (vfio_pci_config.c: init_pci_cap_basic_perm). */
import { COMMAND, PCI, STATUS } from '../../../sim/pci/registers.ts';
import { ALL, type PermissionRow } from './row.ts';

/** The 64 bytes of the header. */
export const HEADER: PermissionRow[] = [
  // A VF's ids read all ones in hardware; the shadow has what the PCI core knows.
  { name: 'VENDOR_ID', at: PCI.VENDOR_ID, width: 2, virt: 0xffff, write: 0 },
  { name: 'DEVICE_ID', at: PCI.DEVICE_ID, width: 2, virt: 0xffff, write: 0 },
  // INTX_DISABLE is virtual: the host uses the real bit to mask.
  { name: 'COMMAND', at: PCI.COMMAND, width: 2, virt: COMMAND.INTX_DISABLE, write: 0xffff },
  { name: 'STATUS', at: PCI.STATUS, width: 2, virt: STATUS.CAP_LIST, write: 0 },
  { name: 'CACHE_LINE_SIZE', at: PCI.CACHE_LINE_SIZE, width: 1, virt: 0, write: 0xff },
  { name: 'LATENCY_TIMER', at: PCI.LATENCY_TIMER, width: 1, virt: 0, write: 0xff },
  { name: 'BIST', at: PCI.BIST, width: 1, virt: 0, write: 0xff },
  // Real BARs never move: all bits are virtual, and fixed up when read.
  ...[0, 1, 2, 3, 4, 5].map(
    (i): PermissionRow => ({ name: `BAR${i}`, at: PCI.BASE_ADDRESS_0 + 4 * i, width: 4, virt: ALL, write: ALL }),
  ),
  { name: 'ROM_ADDRESS', at: PCI.ROM_ADDRESS, width: 4, virt: ALL, write: ALL },
  { name: 'CAPABILITY_LIST', at: PCI.CAPABILITY_LIST, width: 1, virt: 0xff, write: 0 },
  { name: 'INTERRUPT_LINE', at: PCI.INTERRUPT_LINE, width: 1, virt: 0xff, write: 0xff },
  { name: 'INTERRUPT_PIN', at: PCI.INTERRUPT_PIN, width: 1, virt: 0xff, write: 0 },
];
