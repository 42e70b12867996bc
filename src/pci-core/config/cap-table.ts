/**
 * Standard capabilities: lengths (vfio_pci_config.c: pci_cap_length, vfio_cap_len) and permissions (init_pci_cap_*).
 * An id without a row, and length 0, is hidden: skipped in the list, but raw at its offsets.
 */
import {
  AF,
  AF_CTRL_FLR,
  CAP,
  EXP,
  EXP_TYPE,
  MSI,
  MSI_FLAGS,
  MSIX,
  PM,
  PM_CAP,
  VPD,
} from '../../../sim/pci/registers.ts';
import { af } from './af.ts';
import { exp } from './exp.ts';
import { byMasks, direct, vendor } from './handler.ts';
import { msi } from './msi.ts';
import { pm } from './pm.ts';
import { ALL, type CapabilityRow, type Measure, NEXT, type PermissionRow } from './row.ts';
import { vpd } from './vpd.ts';

/** PMCSR without PME and without the state, which the handler applies through the kernel. */
const PMCSR_WRITE = 0xffff_7efc;
const PMCSR_PME = 0x8100;

function msiLength(read: Measure): number {
  const flags = read(MSI.FLAGS, 2);
  return 10 + (flags & MSI_FLAGS.X64BIT ? 4 : 0) + (flags & MSI_FLAGS.MASKBIT ? 10 : 0);
}

/** init_pci_cap_msi_perm: the message is the user's fiction; masks and pending bits are real. */
function msiRegisters(read: Measure): PermissionRow[] {
  const flags = read(MSI.FLAGS, 2);
  const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
  const rows: PermissionRow[] = [
    NEXT,
    { name: 'FLAGS', at: MSI.FLAGS, width: 1, virt: 0xff, write: 0xff },
    { name: 'ADDRESS_LO', at: MSI.ADDRESS_LO, width: 4, virt: ALL, write: ALL },
    { name: 'DATA', at: wide ? MSI.DATA_64 : MSI.DATA_32, width: 2, virt: 0xffff, write: 0xffff },
  ];
  if (wide) rows.push({ name: 'ADDRESS_HI', at: MSI.ADDRESS_HI, width: 4, virt: ALL, write: ALL });
  if (flags & MSI_FLAGS.MASKBIT) {
    const mask = wide ? MSI.MASK_64 : MSI.MASK_32;
    rows.push({ name: 'MASK', at: mask, width: 4, virt: 0, write: ALL });
    rows.push({ name: 'PENDING', at: mask + 4, width: 4, virt: 0, write: ALL });
  }
  return rows;
}

function expLength(read: Measure): number {
  const flags = read(EXP.FLAGS, 2);
  const integrated = ((flags >> 4) & 0xf) === EXP_TYPE.RC_END;
  if ((flags & 0xf) === 1) return integrated ? 0x0c : 0x14;
  return integrated ? 0x2c : 0x34;
}

/** Standard capabilities by id: length, and who may write what. */
export const CAPABILITIES: Record<number, CapabilityRow> = {
  [CAP.PM]: {
    name: 'PM',
    length: PM.SIZEOF,
    handler: pm,
    registers: [
      NEXT,
      // PME# can be raised from nowhere: a user's PME would reach nobody.
      { name: 'PMC', at: PM.PMC, width: 2, virt: PM_CAP.PME_MASK, write: 0 },
      { name: 'PMCSR', at: PM.CTRL, width: 4, virt: PMCSR_PME, write: PMCSR_WRITE },
    ],
  },
  [CAP.AGP]: { name: 'AGP', length: 12, handler: direct },
  [CAP.VPD]: {
    name: 'VPD',
    length: VPD.SIZEOF,
    handler: vpd,
    registers: [
      NEXT,
      { name: 'ADDR', at: VPD.ADDR, width: 2, virt: 0xffff, write: 0xffff },
      { name: 'DATA', at: VPD.DATA, width: 4, virt: ALL, write: ALL },
    ],
  },
  [CAP.MSI]: { name: 'MSI', length: msiLength, handler: msi, registers: msiRegisters },
  [CAP.PCIX]: {
    name: 'PCI-X',
    length: (read) => ((read(2, 2) & 0x3000) === 0 ? 8 : 24),
    handler: byMasks,
    registers: [
      NEXT,
      { name: 'CMD', at: 2, width: 2, virt: 0, write: 0xffff },
      { name: 'ECC_CSR', at: 8, width: 4, virt: 0, write: ALL },
    ],
  },
  [CAP.HT]: { name: 'HT', length: (read) => (read(3, 1) & 0xe0 ? 24 : 28), handler: direct },
  [CAP.VNDR]: { name: 'VNDR', length: (read) => read(2, 1), handler: vendor },
  [CAP.EXP]: {
    name: 'EXP',
    length: expLength,
    handler: exp,
    registers: [
      NEXT,
      // FLR, MRRS and MPS are virtual; phantom functions stay off.
      { name: 'DEVCTL', at: EXP.DEVCTL, width: 2, virt: 0xf0e0, write: 0xfdff },
      // ARI forwarding belongs to the host.
      { name: 'DEVCTL2', at: EXP.DEVCTL2, width: 2, virt: 0, write: 0xffdf },
    ],
  },
  // Enable and mask are the host's; the table is not the user's either.
  [CAP.MSIX]: { name: 'MSIX', length: MSIX.SIZEOF, handler: direct },
  [CAP.SATA]: { name: 'SATA', length: (read) => ((read(4, 2) & 0xf) === 0xf ? 16 : 8), handler: direct },
  [CAP.AF]: {
    name: 'AF',
    length: AF.SIZEOF,
    handler: af,
    registers: [NEXT, { name: 'CTRL', at: AF.CTRL, width: 1, virt: AF_CTRL_FLR, write: AF_CTRL_FLR }],
  },
};
