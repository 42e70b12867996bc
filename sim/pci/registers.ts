/** PCI configuration registers under the names of include/uapi/linux/pci_regs.h (PCI Express Base Specification 6.0, chapter 7). */

/** Offsets in a type 0 header (7.5.1.1, 7.5.1.2). */
export const PCI = {
  VENDOR_ID: 0x00,
  DEVICE_ID: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION_ID: 0x08,
  CLASS_PROG: 0x09,
  CLASS_DEVICE: 0x0a,
  CACHE_LINE_SIZE: 0x0c,
  LATENCY_TIMER: 0x0d,
  HEADER_TYPE: 0x0e,
  BIST: 0x0f,
  BASE_ADDRESS_0: 0x10,
  CARDBUS_CIS: 0x28,
  SUBSYSTEM_VENDOR_ID: 0x2c,
  SUBSYSTEM_ID: 0x2e,
  ROM_ADDRESS: 0x30,
  CAPABILITY_LIST: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
  MIN_GNT: 0x3e,
  MAX_LAT: 0x3f,
  STD_HEADER_SIZEOF: 0x40,
  CFG_SPACE_SIZE: 0x100,
  CFG_SPACE_EXP_SIZE: 0x1000,
} as const;

/** COMMAND bits. */
export const COMMAND = {
  IO: 0x1,
  MEMORY: 0x2,
  MASTER: 0x4,
  PARITY: 0x40,
  SERR: 0x100,
  INTX_DISABLE: 0x400,
} as const;

/** STATUS bits. */
export const STATUS = { IMM_READY: 0x1, INTERRUPT: 0x8, CAP_LIST: 0x10 } as const;

/** HEADER_TYPE: the layout, and the bit that says more functions follow (7.5.1.1.9). */
export const HEADER_TYPE = { MASK: 0x7f, BRIDGE: 1, MFD: 0x80 } as const;

/** Offsets in a type 1 header (7.5.1.3). */
export const BRIDGE = {
  IO_BASE: 0x1c,
  MEMORY_BASE: 0x20,
  PREF_BASE_UPPER32: 0x28,
  ROM_ADDRESS1: 0x38,
} as const;

/** BAR type bits (7.5.1.2.1). */
export const BAR = { IO: 0x1, MEM_64: 0x4, PREFETCH: 0x8 } as const;

/** ROM_ADDRESS: whether the ROM is decoded (7.5.1.2.4). */
export const ROM_ADDRESS_ENABLE = 0x1;

/** The header of a standard capability (7.5.3.1). */
export const CAP_LIST = { ID: 0, NEXT: 1 } as const;

/** Standard capability ids. */
export const CAP = {
  PM: 0x01,
  AGP: 0x02,
  VPD: 0x03,
  SLOTID: 0x04,
  MSI: 0x05,
  CHSWP: 0x06,
  PCIX: 0x07,
  HT: 0x08,
  VNDR: 0x09,
  DBG: 0x0a,
  CCRC: 0x0b,
  SHPC: 0x0c,
  SSVID: 0x0d,
  AGP3: 0x0e,
  SECDEV: 0x0f,
  EXP: 0x10,
  MSIX: 0x11,
  SATA: 0x12,
  AF: 0x13,
  EA: 0x14,
} as const;
/** PCI_CAP_ID_MAX. */
export const CAP_ID_MAX = 0x14;

/** Extended capability ids. */
export const EXT_CAP = {
  ERR: 0x01,
  VC: 0x02,
  DSN: 0x03,
  PWR: 0x04,
  RCLD: 0x05,
  RCILC: 0x06,
  RCEC: 0x07,
  MFVC: 0x08,
  VC9: 0x09,
  RCRB: 0x0a,
  VNDR: 0x0b,
  CAC: 0x0c,
  ACS: 0x0d,
  ARI: 0x0e,
  ATS: 0x0f,
  SRIOV: 0x10,
  MRIOV: 0x11,
  MCAST: 0x12,
  PRI: 0x13,
  AMD_XXX: 0x14,
  REBAR: 0x15,
  DPA: 0x16,
  TPH: 0x17,
  LTR: 0x18,
  SECPCI: 0x19,
  PMUX: 0x1a,
  PASID: 0x1b,
  DPC: 0x1d,
  L1SS: 0x1e,
  PTM: 0x1f,
  DVSEC: 0x23,
  VF_REBAR: 0x24,
  DLF: 0x25,
  PL_16GT: 0x26,
  NPEM: 0x29,
  PL_32GT: 0x2a,
  DOE: 0x2e,
  DEV3: 0x2f,
  IDE: 0x30,
  PL_64GT: 0x31,
} as const;
/** PCI_EXT_CAP_ID_MAX. */
export const EXT_CAP_ID_MAX = 0x31;

/** Vital product data capability (7.9.18); ADDR_F turns over when a transfer is done. */
export const VPD = { ADDR: 2, DATA: 4, SIZEOF: 8 } as const;
export const VPD_ADDR_F = 0x8000;
export const VPD_ADDR_MASK = 0x7fff;

/** Power management capability (7.5.2). */
export const PM = { PMC: 2, CTRL: 4, SIZEOF: 8 } as const;
export const PM_CAP = { D1: 0x200, D2: 0x400, PME_MASK: 0xf800 } as const;
export const PM_CTRL = { STATE_MASK: 0x3, NO_SOFT_RESET: 0x8, PME_ENABLE: 0x100, PME_STATUS: 0x8000 } as const;

/** MSI capability (7.7.1). */
export const MSI = {
  FLAGS: 2,
  ADDRESS_LO: 4,
  ADDRESS_HI: 8,
  DATA_32: 8,
  DATA_64: 12,
  MASK_32: 12,
  MASK_64: 16,
} as const;
export const MSI_FLAGS = { ENABLE: 0x1, QMASK: 0x0e, QSIZE: 0x70, X64BIT: 0x80, MASKBIT: 0x100 } as const;

/** MSI-X capability and table (7.7.2). */
export const MSIX = { FLAGS: 2, TABLE: 4, PBA: 8, SIZEOF: 12 } as const;
export const MSIX_FLAGS = { QSIZE: 0x7ff, MASKALL: 0x4000, ENABLE: 0x8000 } as const;
export const MSIX_ENTRY = { SIZE: 16, ADDR_LO: 0, ADDR_HI: 4, DATA: 8, CTRL: 12 } as const;
export const MSIX_ENTRY_CTRL_MASKBIT = 0x1;

/** PCI Express capability (7.5.3). */
export const EXP = {
  FLAGS: 2,
  DEVCAP: 4,
  DEVCTL: 8,
  DEVSTA: 0xa,
  LNKCAP: 0xc,
  LNKCTL: 0x10,
  LNKSTA: 0x12,
  SLTCTL: 0x18,
  RTCTL: 0x1c,
  DEVCAP2: 0x24,
  DEVCTL2: 0x28,
  LNKCTL2: 0x30,
  SLTCTL2: 0x38,
} as const;
export const EXP_TYPE = {
  ENDPOINT: 0,
  LEG_END: 1,
  ROOT_PORT: 4,
  UPSTREAM: 5,
  DOWNSTREAM: 6,
  PCI_BRIDGE: 7,
  PCIE_BRIDGE: 8,
  RC_END: 9,
  RC_EC: 0xa,
} as const;
export const DEVCAP_FLR = 0x1000_0000;
export const DEVCAP2_ATOMIC = { ROUTE: 0x40, COMP32: 0x80, COMP64: 0x100, COMP128: 0x200 } as const;
export const DEVCTL2_ATOMIC_REQ = 0x40;
export const DEVCTL = { PAYLOAD: 0xe0, READRQ: 0x7000, BCR_FLR: 0x8000 } as const;

/** AF capability (Advanced Features ECN). */
export const AF = { CAP: 3, CTRL: 4, STATUS: 5, SIZEOF: 6 } as const;
export const AF_CAP = { TP: 1, FLR: 2 } as const;
export const AF_CTRL_FLR = 0x1;

/** SR-IOV extended capability (9.3.3). */
export const SRIOV = {
  CAP: 0x04,
  CTRL: 0x08,
  STATUS: 0x0a,
  INITIAL_VF: 0x0c,
  TOTAL_VF: 0x0e,
  NUM_VF: 0x10,
  FUNC_LINK: 0x12,
  VF_OFFSET: 0x14,
  VF_STRIDE: 0x16,
  VF_DID: 0x1a,
  SUP_PGSIZE: 0x1c,
  SYS_PGSIZE: 0x20,
  BAR: 0x24,
  VFM: 0x3c,
  SIZEOF: 0x40,
} as const;
/** VF Migration Capable. */
export const SRIOV_CAP_VFM = 0x1;
export const SRIOV_CTRL = { VFE: 0x1, VFM: 0x2, MSE: 0x8, ARI: 0x10 } as const;

/** Address translation services (10.5.1), page requests (10.5.2) and PASID (7.8.9): extended capabilities. */
export const ATS = { CAP: 4, CTRL: 6 } as const;
export const ATS_CTRL = { ENABLE: 0x8000 } as const;
export const PRI = { CTRL: 4, STATUS: 6, MAX_REQ: 8, ALLOC_REQ: 0xc } as const;
export const PRI_CTRL = { ENABLE: 1, RESET: 2 } as const;
export const PASID = { CAP: 4, CTRL: 6 } as const;
/** Bits 1 and 2 mean the same in the capability register. */
export const PASID_CTRL = { ENABLE: 1, EXEC: 2, PRIV: 4 } as const;

/** ACS extended capability (7.7.11). */
export const ACS = { CAP: 4, CTRL: 6 } as const;
export const ACS_BITS = { SV: 0x1, TB: 0x2, RR: 0x4, CR: 0x8, UF: 0x10, EC: 0x20, DT: 0x40 } as const;

/** Advanced error reporting extended capability (7.8.4). */
export const AER = {
  UNCOR_STATUS: 0x04,
  UNCOR_MASK: 0x08,
  UNCOR_SEVER: 0x0c,
  COR_STATUS: 0x10,
  COR_MASK: 0x14,
  CAP: 0x18,
  HEADER_LOG: 0x1c,
} as const;
/** Those the kernel saves: masks, severity, capability control (pcie/aer.c: pci_save_aer_state). */
export const AER_REGISTERS = [AER.UNCOR_MASK, AER.UNCOR_SEVER, AER.COR_MASK, AER.CAP] as const;
