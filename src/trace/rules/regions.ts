/** Reads and writes of regions: BARs, ROM, VGA, and configuration space by what stands at the offset. */
import { CAP, EXT_CAP } from '../../../sim/pci/registers.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import { type Rule, rule } from './rule.ts';

const BAR = rule(
  'core-pci 6.2 BAR and ROM',
  'vfio_pci_rdwr.c: vfio_pci_bar_rw',
  'at or beyond the end EINVAL, across it short; EIO while memory is disabled; the MSI-X table reads as 0xff and swallows writes',
);
const ROM = rule(
  'core-pci 6.2 BAR and ROM',
  'vfio_pci_rdwr.c: vfio_pci_bar_rw; vfio_pci_core.c: vfio_pci_rw',
  'no writes (EINVAL); a ROM without valid content, or with memory disabled, cannot be mapped (ENOMEM)',
);
const VGA = rule(
  'core-pci 6.4 VGA',
  'vfio_pci_rdwr.c: vfio_pci_vga_rw',
  'EINVAL without VGA, and outside its three ranges',
);
const DISPATCH = rule(
  'core-pci 6.1 dispatch',
  'vfio_pci_core.c: vfio_pci_rw',
  'no bytes is 0 before anything else; an index without a region is EINVAL',
);
const ENGINE = rule(
  'core-pci 8.2 access engine',
  'vfio_pci_config.c: vfio_config_do_rw, vfio_pci_config_rw',
  'a transfer that crosses the end is EFAULT and does nothing; inside, it is cut into chunks of one capability and at most 4 bytes; bytes of no shown capability are raw',
);
const HEADER = rule(
  'core-pci 8.3 standard header masks',
  'vfio_pci_config.c: vfio_basic_config_read, vfio_basic_config_write, init_pci_cap_basic_perm',
  'ids, BARs, interrupt line and pin come from the shadow, the rest from the function; BARs can be sized and never move',
);

const STANDARD = 'core-pci 8.4 standard capabilities';
const MASKS = 'the next pointer is virtual and read-only, the masks of the capability say what of the rest is';
const STANDARD_RULES: Readonly<Record<number, Rule>> = {
  [CAP.PM]: rule(
    `${STANDARD}: PM`,
    'vfio_pci_config.c: vfio_pm_config_write, init_pci_cap_pm_perm',
    'PME reads 0 and cannot be set; the state bits are applied by the kernel, and what it refuses is not an error',
  ),
  [CAP.VPD]: rule(
    `${STANDARD}: VPD`,
    'vfio_pci_config.c: vfio_vpd_config_write',
    'address and data are virtual; a write of the upper address byte performs the access at once',
  ),
  [CAP.MSI]: rule(
    `${STANDARD}: MSI`,
    'vfio_pci_config.c: vfio_msi_config_write',
    'message and control byte are virtual, mask and pending bits real; enable needs SET_IRQS, and the count stays within what it asked for',
  ),
  [CAP.MSIX]: rule(
    `${STANDARD}: MSI-X`,
    'vfio_pci_config.c: vfio_direct_config_read',
    'the control word is the host’s, and writes are dropped',
  ),
  [CAP.EXP]: rule(
    `${STANDARD}: PCIe`,
    'vfio_pci_config.c: vfio_exp_config_write, init_pci_cap_exp_perm',
    'only DEVCTL and DEVCTL2 can be written; FLR resets the function and reads 0, payload and read request sizes are virtual',
  ),
  [CAP.AF]: rule(
    `${STANDARD}: AF`,
    'vfio_pci_config.c: vfio_af_config_write',
    'FLR resets the function where the capability offers it, and reads 0',
  ),
  [CAP.VNDR]: rule(
    `${STANDARD}: vendor`,
    'vfio_pci_config.c: vfio_raw_config_write',
    'reads and writes go to the function, the next pointer is virtual',
  ),
};

const EXTENDED = 'core-pci 8.5 extended capabilities';
const EXTENDED_RULES: Readonly<Record<number, Rule>> = {
  [EXT_CAP.ERR]: rule(
    `${EXTENDED}: AER`,
    'vfio_pci_config.c: init_pci_ext_cap_err_perm',
    'status, masks, severity and control within their masks, the log read-only',
  ),
  [EXT_CAP.PWR]: rule(
    `${EXTENDED}: power budgeting`,
    'vfio_pci_config.c: init_pci_ext_cap_pwr_perm',
    'the data byte can be written, the selector beside it cannot',
  ),
};

const EXTENDED_START = 0x100;
const HEADER_END = 0x40;

/** What rules a configuration access that starts at `offset`, within the capability of that id if there is one. */
export function configRule(offset: number, capability: number | undefined): Rule {
  if (offset < 0 || (capability === undefined && offset >= HEADER_END)) return ENGINE;
  if (offset < HEADER_END) return HEADER;
  if (offset < EXTENDED_START)
    return STANDARD_RULES[capability!] ?? rule(STANDARD, 'vfio_pci_config.c: vfio_cap_init', MASKS);
  return EXTENDED_RULES[capability!] ?? rule(EXTENDED, 'vfio_pci_config.c: vfio_ecap_init', MASKS);
}

/** What rules an access to a region other than configuration space. */
export function regionRule(region: number): Rule {
  if (region >= 0 && region <= PCI_REGION.BAR5) return BAR;
  if (region === PCI_REGION.ROM) return ROM;
  return region === PCI_REGION.VGA ? VGA : DISPATCH;
}

/** The file `config` in sysfs. */
export const RAW_CONFIG: Rule = rule(
  'pci-hw 1 Configuration transactions',
  'drivers/pci/pci-sysfs.c: pci_read_config, pci_write_config',
  'the registers of the function as they are, without VFIO between',
);
