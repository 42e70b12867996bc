/** How the tables of capability registers, which are data of their own, are called in linux/pci_regs.h. */
import { CAP, EXT_CAP, MSI, MSI_FLAGS } from '../../sim/pci/registers.ts';

/** A row of such a table. */
export interface Row {
  readonly name: string;
  readonly at: number;
}

/** `*` stands for the name of a register; `size` is the header's name of a fixed length. */
export interface CapabilityNaming {
  readonly name?: string;
  readonly except?: Readonly<Record<string, string>>;
  readonly size?: string;
}

export const STANDARD_NAMES: Readonly<Record<number, CapabilityNaming>> = {
  [CAP.PM]: { name: 'PCI_PM_*', except: { PMCSR: 'PCI_PM_CTRL' }, size: 'PCI_PM_SIZEOF' },
  [CAP.AGP]: { size: 'PCI_AGP_SIZEOF' },
  [CAP.VPD]: { name: 'PCI_VPD_*', size: 'PCI_CAP_VPD_SIZEOF' },
  [CAP.MSI]: { name: 'PCI_MSI_*' },
  [CAP.PCIX]: { name: 'PCI_X_*' },
  [CAP.EXP]: { name: 'PCI_EXP_*' },
  [CAP.MSIX]: { name: 'PCI_MSIX_*', size: 'PCI_CAP_MSIX_SIZEOF' },
  [CAP.AF]: { name: 'PCI_AF_*', size: 'PCI_CAP_AF_SIZEOF' },
};

export const EXTENDED_NAMES: Readonly<Record<number, CapabilityNaming>> = {
  [EXT_CAP.ERR]: { name: 'PCI_ERR_*' },
  [EXT_CAP.DSN]: { size: 'PCI_EXT_CAP_DSN_SIZEOF' },
  [EXT_CAP.PWR]: { name: 'PCI_PWR_*', size: 'PCI_EXT_CAP_PWR_SIZEOF' },
  [EXT_CAP.ACS]: { name: 'PCI_ACS_*' },
  [EXT_CAP.ARI]: { name: 'PCI_ARI_*', size: 'PCI_EXT_CAP_ARI_SIZEOF' },
  [EXT_CAP.ATS]: { name: 'PCI_ATS_*', size: 'PCI_EXT_CAP_ATS_SIZEOF' },
  [EXT_CAP.SRIOV]: { name: 'PCI_SRIOV_*', size: 'PCI_EXT_CAP_SRIOV_SIZEOF' },
  [EXT_CAP.MCAST]: { size: 'PCI_EXT_CAP_MCAST_ENDPOINT_SIZEOF' },
  [EXT_CAP.PRI]: { name: 'PCI_PRI_*', except: { ALLOC: 'PCI_PRI_ALLOC_REQ' }, size: 'PCI_EXT_CAP_PRI_SIZEOF' },
  [EXT_CAP.LTR]: {
    name: 'PCI_LTR_*',
    except: { MAX_SNOOP: 'PCI_LTR_MAX_SNOOP_LAT', MAX_NOSNOOP: 'PCI_LTR_MAX_NOSNOOP_LAT' },
    size: 'PCI_EXT_CAP_LTR_SIZEOF',
  },
  [EXT_CAP.PASID]: { name: 'PCI_PASID_*', size: 'PCI_EXT_CAP_PASID_SIZEOF' },
};

/** Lengths that the header does not name, and where they come from. */
export const UNNAMED_LENGTHS: Readonly<Record<string, string>> = {
  'standard 13': 'PCI-to-PCI Bridge Architecture Specification 1.2: eight bytes',
  'extended 13': 'the hardware has no egress control vector: PCI Express Base Specification 6.0, 7.7.11',
  'extended 1': 'with its root and prefix registers, or without: PCI Express Base Specification 6.0, 7.8.4',
};

/** Names that do not come from the capability but from its list, and MSI's, which depend on the width of its address. */
export function registerName(naming: CapabilityNaming | undefined, row: Row, wide: boolean): string | undefined {
  if (row.name === 'NEXT') return 'PCI_CAP_LIST_NEXT';
  if (naming === STANDARD_NAMES[CAP.MSI] && ['DATA', 'MASK', 'PENDING'].includes(row.name))
    return `PCI_MSI_${row.name}_${wide ? '64' : '32'}`;
  return naming?.except?.[row.name] ?? naming?.name?.replace('*', row.name);
}

/** The bytes of a capability that has everything: MSI with masks, and with a long address if `wide`. */
export function fullCapability(wide: boolean): DataView {
  const bytes = new DataView(new ArrayBuffer(256));
  bytes.setUint16(MSI.FLAGS, MSI_FLAGS.MASKBIT | (wide ? MSI_FLAGS.X64BIT : 0), true);
  return bytes;
}
