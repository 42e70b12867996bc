/** The card as PCI functions. Offsets and ids as a ConnectX shows them; contents reduced to what software looks at. */
import type { FunctionDescription, SlotDescription } from '../../pci/description.ts';
import { PF_VECTORS } from './init-segment.ts';
import { VF_BAR_SIZE, VF_VECTORS } from './vf-registers.ts';

/** Where the PF's SR-IOV capability stands; the firmware looks there for which VFs exist. */
export const SRIOV_AT = 0x180;
export const TOTAL_VFS = 8;
/** MSI-X structures in BAR 0 of PF and VF. */
export const MSIX_TABLE_AT = 0x2000;
export const MSIX_PBA_AT = 0x3000;

const le16 = (value: number): string => Buffer.from([value & 0xff, value >> 8]).toString('hex');
const le32 = (value: number): string => le16(value & 0xffff) + le16(value >>> 16);

/** Version 2 endpoint with FLR, 512-byte payloads, a 16 GT/s x16 link. */
const EXPRESS =
  le16(0x0002) + // PCI_EXP_FLAGS
  le32(0x1000_8fe2) + // DEVCAP
  le16(0x2910) + // DEVCTL
  le16(0x0000) + // DEVSTA
  le32(0x0040_0d04) + // LNKCAP
  le16(0x0040) + // LNKCTL
  le16(0x1104); // LNKSTA
const msix = (vectors: number): string => le16(vectors - 1) + le32(MSIX_TABLE_AT) + le32(MSIX_PBA_AT);

/** 15b3:101e, ConnectX Family mlx5Gen Virtual Function. */
export const VF_DESCRIPTION: FunctionDescription = {
  name: 'mlx5-vf',
  model: 'mlx5-vf',
  vendor: 0x15b3,
  device: 0x101e,
  class: 0x020000,
  subsystemVendor: 0x15b3,
  subsystem: 0x0016,
  bars: [{ index: 0, kind: 'mem64', size: VF_BAR_SIZE, prefetch: true }],
  capabilities: [
    { kind: 'exp', at: 0x60, body: EXPRESS },
    { kind: 'msix', at: 0x9c, body: msix(VF_VECTORS) },
    { kind: 'ari', at: 0x150 },
  ],
};

/** 15b3:101d, ConnectX-6 Dx. The first VF comes two ids up, as on a card with two ports. */
export const PF_DESCRIPTION: FunctionDescription = {
  name: 'mlx5-pf',
  model: 'mlx5-pf',
  vendor: 0x15b3,
  device: 0x101d,
  class: 0x020000,
  subsystemVendor: 0x15b3,
  subsystem: 0x0016,
  bars: [{ index: 0, kind: 'mem64', size: 0x10_0000, prefetch: true }],
  capabilities: [
    { kind: 'exp', at: 0x60, body: EXPRESS },
    { kind: 'msix', at: 0x9c, body: msix(PF_VECTORS) },
    { kind: 'pm', at: 0x40, body: le16(0x0003) + le16(0x0008) },
    { kind: 'aer', at: 0x100 },
    { kind: 'ari', at: 0x150 },
    { kind: 'sriov', at: SRIOV_AT, body: le32(0x0000_0002) },
    { kind: 'dsn', at: 0x1d0, body: '0123450003ae2d9c' },
    { kind: 'acs', at: 0x230 },
  ],
  sriov: { totalVfs: TOTAL_VFS, offset: 2, stride: 1, vf: VF_DESCRIPTION },
};

/** The card in a slot of a machine description. */
export function mlx5Slot(devfn = '00.0'): SlotDescription {
  return { devfn, function: PF_DESCRIPTION };
}
