/** Extended capabilities: pci_ext_cap_length, vfio_ext_cap_len and init_pci_ext_cap_* of vfio_pci_config.c. */
import { AER, EXT_CAP, SRIOV } from '../../../sim/pci/registers.ts';
import { byMasks, direct, vendor } from './handler.ts';
import { type CapabilityRow, EXT_HEADER, type Measure } from './row.ts';

/** Bits of the uncorrectable and correctable error registers that a user may write (init_pci_ext_cap_err_perm). */
const UNCORRECTABLE = 0x03ff_f031;
const CORRECTABLE = 0x0000_f1c1;

/** Virtual channels: one block a channel, and the port arbitration table behind them (vfio_vc_cap_len). */
function vcLength(read: Measure): number {
  const length = 0x10 + (1 + (read(4, 4) & 7)) * 0x0c;
  const phases = vcPhases(read(8, 4) & 0xff);
  return phases === 0 ? length : Math.ceil(length / 16) * 16 + (phases * 4) / 8;
}

function vcPhases(capabilities: number): number {
  if (capabilities & 8) return 128;
  if (capabilities & 4) return 64;
  return capabilities & 2 ? 32 : 0;
}

function acsLength(read: Measure): number {
  const capability = read(4, 2);
  if ((capability & 0x20) === 0) return 8;
  const bits = capability >> 8 || 256;
  return 8 + Math.ceil(bits / 32) * 4;
}

/** PCI_TPH_LOC_CAP: the table is in the capability. */
function tphLength(read: Measure): number {
  const capability = read(4, 4);
  if (((capability >> 9) & 3) !== 1) return 0x0c;
  return 0x0c + ((capability >> 16) & 0x7ff) * 2 + 2;
}

const vendorLength = (read: Measure): number => read(4, 4) >>> 20;

/** Extended capabilities by id: length, and who may write what. */
export const EXT_CAPABILITIES: Record<number, CapabilityRow> = {
  [EXT_CAP.ERR]: {
    name: 'AER',
    length: 0x2c,
    handler: byMasks,
    registers: [
      EXT_HEADER,
      { name: 'UNCOR_STATUS', at: AER.UNCOR_STATUS, width: 4, virt: 0, write: UNCORRECTABLE },
      { name: 'UNCOR_MASK', at: AER.UNCOR_MASK, width: 4, virt: 0, write: UNCORRECTABLE },
      { name: 'UNCOR_SEVER', at: AER.UNCOR_SEVER, width: 4, virt: 0, write: UNCORRECTABLE },
      { name: 'COR_STATUS', at: AER.COR_STATUS, width: 4, virt: 0, write: CORRECTABLE },
      { name: 'COR_MASK', at: AER.COR_MASK, width: 4, virt: 0, write: CORRECTABLE },
      { name: 'CAP', at: AER.CAP, width: 4, virt: 0, write: 0x140 },
    ],
  },
  [EXT_CAP.VC]: { name: 'VC', length: vcLength, handler: direct },
  [EXT_CAP.DSN]: { name: 'DSN', length: 12, handler: direct },
  [EXT_CAP.PWR]: {
    name: 'PWR',
    length: 0x10,
    handler: byMasks,
    // The kernel lets the data byte through, and not the selector beside it.
    registers: [EXT_HEADER, { name: 'DATA', at: 8, width: 1, virt: 0, write: 0xff }],
  },
  [EXT_CAP.MFVC]: { name: 'MFVC', length: vcLength, handler: direct },
  [EXT_CAP.VC9]: { name: 'VC9', length: vcLength, handler: direct },
  [EXT_CAP.VNDR]: { name: 'VSEC', length: vendorLength, handler: vendor },
  [EXT_CAP.ACS]: { name: 'ACS', length: acsLength, handler: direct },
  [EXT_CAP.ARI]: { name: 'ARI', length: 8, handler: direct },
  [EXT_CAP.ATS]: { name: 'ATS', length: 8, handler: direct },
  [EXT_CAP.SRIOV]: { name: 'SRIOV', length: SRIOV.SIZEOF, handler: direct },
  [EXT_CAP.MCAST]: { name: 'MCAST', length: 40, handler: direct },
  [EXT_CAP.PRI]: { name: 'PRI', length: 16, handler: direct },
  [EXT_CAP.REBAR]: { name: 'REBAR', length: (read) => 4 + 8 * ((read(8, 4) >> 5) & 7), handler: direct },
  [EXT_CAP.DPA]: { name: 'DPA', length: (read) => 16 + (read(4, 4) & 0x1f) + 1, handler: direct },
  [EXT_CAP.TPH]: { name: 'TPH', length: tphLength, handler: direct },
  [EXT_CAP.LTR]: { name: 'LTR', length: 8, handler: direct },
  [EXT_CAP.DVSEC]: { name: 'DVSEC', length: vendorLength, handler: vendor },
};
