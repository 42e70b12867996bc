/** Registers of the header and of capabilities: offset, width in bytes, name in pci_regs.h without `PCI_`. */
import { CAP, EXT_CAP, MSI_FLAGS } from '../../sim/pci/registers.ts';

export type RegisterRow = readonly [at: number, width: number, name: string];
/** The registers of a capability that starts at `at`; some move with the flags of the capability. */
export type RegisterTable = (config: Uint8Array, at: number) => readonly RegisterRow[];

export const HEADER_REGISTERS: readonly RegisterRow[] = [
  [0x00, 2, 'VENDOR_ID'],
  [0x02, 2, 'DEVICE_ID'],
  [0x04, 2, 'COMMAND'],
  [0x06, 2, 'STATUS'],
  [0x08, 1, 'REVISION_ID'],
  [0x09, 1, 'CLASS_PROG'],
  [0x0a, 2, 'CLASS_DEVICE'],
  [0x0c, 1, 'CACHE_LINE_SIZE'],
  [0x0d, 1, 'LATENCY_TIMER'],
  [0x0e, 1, 'HEADER_TYPE'],
  [0x0f, 1, 'BIST'],
  [0x10, 4, 'BASE_ADDRESS_0'],
  [0x14, 4, 'BASE_ADDRESS_1'],
  [0x18, 4, 'BASE_ADDRESS_2'],
  [0x1c, 4, 'BASE_ADDRESS_3'],
  [0x20, 4, 'BASE_ADDRESS_4'],
  [0x24, 4, 'BASE_ADDRESS_5'],
  [0x28, 4, 'CARDBUS_CIS'],
  [0x2c, 2, 'SUBSYSTEM_VENDOR_ID'],
  [0x2e, 2, 'SUBSYSTEM_ID'],
  [0x30, 4, 'ROM_ADDRESS'],
  [0x34, 1, 'CAPABILITY_LIST'],
  [0x3c, 1, 'INTERRUPT_LINE'],
  [0x3d, 1, 'INTERRUPT_PIN'],
  [0x3e, 1, 'MIN_GNT'],
  [0x3f, 1, 'MAX_LAT'],
];

const LIST: readonly RegisterRow[] = [
  [0, 1, 'CAP_LIST_ID'],
  [1, 1, 'CAP_LIST_NEXT'],
];
const EXTENDED_HEADER: RegisterRow = [0, 4, 'EXT_CAP_ID'];

const fixed =
  (...rows: RegisterRow[]): RegisterTable =>
  () => [...LIST, ...rows];
const extended =
  (...rows: RegisterRow[]): RegisterTable =>
  () => [EXTENDED_HEADER, ...rows];

/** Data, masks and pending bits move up by 4 when the address has 64 bits (PCIe 7.7.1). */
const msi: RegisterTable = (config, at) => {
  const flags = (config[at + 2] ?? 0) | ((config[at + 3] ?? 0) << 8);
  const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
  const data = wide ? 12 : 8;
  const masks: readonly RegisterRow[] = [
    [data + 4, 4, wide ? 'MSI_MASK_64' : 'MSI_MASK_32'],
    [data + 8, 4, wide ? 'MSI_PENDING_64' : 'MSI_PENDING_32'],
  ];
  return [
    ...LIST,
    [2, 2, 'MSI_FLAGS'],
    [4, 4, 'MSI_ADDRESS_LO'],
    ...(wide ? [[8, 4, 'MSI_ADDRESS_HI'] as const] : []),
    [data, 2, wide ? 'MSI_DATA_64' : 'MSI_DATA_32'],
    ...(flags & MSI_FLAGS.MASKBIT ? masks : []),
  ];
};

/** By capability id. */
export const STANDARD_REGISTERS: Readonly<Record<number, RegisterTable>> = {
  [CAP.PM]: fixed([2, 2, 'PM_PMC'], [4, 2, 'PM_CTRL'], [6, 1, 'PM_PPB_EXTENSIONS'], [7, 1, 'PM_DATA_REGISTER']),
  [CAP.VPD]: fixed([2, 2, 'VPD_ADDR'], [4, 4, 'VPD_DATA']),
  [CAP.MSI]: msi,
  [CAP.PCIX]: fixed([2, 2, 'X_CMD'], [4, 4, 'X_STATUS'], [8, 4, 'X_ECC_CSR']),
  [CAP.VNDR]: fixed([2, 1, 'CAP_FLAGS']),
  [CAP.EXP]: fixed(
    [0x02, 2, 'EXP_FLAGS'],
    [0x04, 4, 'EXP_DEVCAP'],
    [0x08, 2, 'EXP_DEVCTL'],
    [0x0a, 2, 'EXP_DEVSTA'],
    [0x0c, 4, 'EXP_LNKCAP'],
    [0x10, 2, 'EXP_LNKCTL'],
    [0x12, 2, 'EXP_LNKSTA'],
    [0x14, 4, 'EXP_SLTCAP'],
    [0x18, 2, 'EXP_SLTCTL'],
    [0x1a, 2, 'EXP_SLTSTA'],
    [0x1c, 2, 'EXP_RTCTL'],
    [0x1e, 2, 'EXP_RTCAP'],
    [0x20, 4, 'EXP_RTSTA'],
    [0x24, 4, 'EXP_DEVCAP2'],
    [0x28, 2, 'EXP_DEVCTL2'],
    [0x2a, 2, 'EXP_DEVSTA2'],
    [0x2c, 4, 'EXP_LNKCAP2'],
    [0x30, 2, 'EXP_LNKCTL2'],
    [0x32, 2, 'EXP_LNKSTA2'],
    [0x34, 4, 'EXP_SLTCAP2'],
    [0x38, 2, 'EXP_SLTCTL2'],
    [0x3a, 2, 'EXP_SLTSTA2'],
  ),
  [CAP.MSIX]: fixed([2, 2, 'MSIX_FLAGS'], [4, 4, 'MSIX_TABLE'], [8, 4, 'MSIX_PBA']),
  [CAP.AF]: fixed([2, 1, 'AF_LENGTH'], [3, 1, 'AF_CAP'], [4, 1, 'AF_CTRL'], [5, 1, 'AF_STATUS']),
};

/** By extended capability id. */
export const EXTENDED_REGISTERS: Readonly<Record<number, RegisterTable>> = {
  [EXT_CAP.ERR]: extended(
    [0x04, 4, 'ERR_UNCOR_STATUS'],
    [0x08, 4, 'ERR_UNCOR_MASK'],
    [0x0c, 4, 'ERR_UNCOR_SEVER'],
    [0x10, 4, 'ERR_COR_STATUS'],
    [0x14, 4, 'ERR_COR_MASK'],
    [0x18, 4, 'ERR_CAP'],
    [0x1c, 16, 'ERR_HEADER_LOG'],
    [0x2c, 4, 'ERR_ROOT_COMMAND'],
    [0x30, 4, 'ERR_ROOT_STATUS'],
    [0x34, 4, 'ERR_ROOT_ERR_SRC'],
  ),
  [EXT_CAP.DSN]: extended([4, 8, 'DSN_SERIAL']),
  [EXT_CAP.PWR]: extended([4, 1, 'PWR_DSR'], [8, 4, 'PWR_DATA'], [0xc, 1, 'PWR_CAP']),
  [EXT_CAP.ACS]: extended([4, 2, 'ACS_CAP'], [6, 2, 'ACS_CTRL'], [8, 4, 'ACS_EGRESS_CTL_V']),
  [EXT_CAP.ARI]: extended([4, 2, 'ARI_CAP'], [6, 2, 'ARI_CTRL']),
  [EXT_CAP.ATS]: extended([4, 2, 'ATS_CAP'], [6, 2, 'ATS_CTRL']),
  [EXT_CAP.PRI]: extended([4, 2, 'PRI_CTRL'], [6, 2, 'PRI_STATUS'], [8, 4, 'PRI_MAX_REQ'], [0xc, 4, 'PRI_ALLOC_REQ']),
  [EXT_CAP.PASID]: extended([4, 2, 'PASID_CAP'], [6, 2, 'PASID_CTRL']),
  [EXT_CAP.LTR]: extended([4, 2, 'LTR_MAX_SNOOP_LAT'], [6, 2, 'LTR_MAX_NOSNOOP_LAT']),
  [EXT_CAP.VNDR]: extended([4, 4, 'VNDR_HEADER']),
  [EXT_CAP.DVSEC]: extended([4, 4, 'DVSEC_HEADER1'], [8, 2, 'DVSEC_HEADER2']),
  [EXT_CAP.SRIOV]: extended(
    [0x04, 4, 'SRIOV_CAP'],
    [0x08, 2, 'SRIOV_CTRL'],
    [0x0a, 2, 'SRIOV_STATUS'],
    [0x0c, 2, 'SRIOV_INITIAL_VF'],
    [0x0e, 2, 'SRIOV_TOTAL_VF'],
    [0x10, 2, 'SRIOV_NUM_VF'],
    [0x12, 1, 'SRIOV_FUNC_LINK'],
    [0x14, 2, 'SRIOV_VF_OFFSET'],
    [0x16, 2, 'SRIOV_VF_STRIDE'],
    [0x1a, 2, 'SRIOV_VF_DID'],
    [0x1c, 4, 'SRIOV_SUP_PGSIZE'],
    [0x20, 4, 'SRIOV_SYS_PGSIZE'],
    [0x24, 24, 'SRIOV_BAR'],
    [0x3c, 4, 'SRIOV_VFM'],
  ),
};
