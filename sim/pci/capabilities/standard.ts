/** Standard capabilities (PCI Express Base Specification 6.0, 7.5 to 7.9; PCI Local Bus 3.0 appendix H for the ids). */
import { AF, CAP, DEVCTL, EXP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PM, VPD } from '../registers.ts';
import { type CapabilityKind, fixed, type Register } from './kind.ts';

/** Power management, 7.5.2. The state field is writable; the function decides what a written state means. */
export const pm = fixed({
  name: 'pm',
  id: CAP.PM,
  size: PM.SIZEOF,
  registers: [{ name: 'PMCSR', at: PM.CTRL, width: 2, rw: 0x0103, rw1c: 0x8000, sticky: 0x8100 }],
});

/** Vital product data: address with its flag, and the data window. */
export const vpd = fixed({
  name: 'vpd',
  id: CAP.VPD,
  size: VPD.SIZEOF,
  registers: [
    { name: 'ADDR', at: VPD.ADDR, width: 2, rw: 0xffff },
    { name: 'DATA', at: VPD.DATA, width: 4, rw: 0xffffffff },
  ],
});

/** MSI, 7.7.1: 32- or 64-bit address, with or without per-vector masks. */
export const msi: CapabilityKind = {
  name: 'msi',
  id: CAP.MSI,
  extended: false,
  size(bytes) {
    const flags = bytes.getUint16(MSI.FLAGS, true);
    return (flags & MSI_FLAGS.X64BIT ? 14 : 10) + (flags & MSI_FLAGS.MASKBIT ? 10 : 0);
  },
  registers(bytes) {
    const flags = bytes.getUint16(MSI.FLAGS, true);
    const wide = (flags & MSI_FLAGS.X64BIT) !== 0;
    const list: Register[] = [
      { name: 'FLAGS', at: MSI.FLAGS, width: 2, rw: MSI_FLAGS.ENABLE | MSI_FLAGS.QSIZE },
      { name: 'ADDRESS_LO', at: MSI.ADDRESS_LO, width: 4, rw: 0xfffffffc },
      { name: 'DATA', at: wide ? MSI.DATA_64 : MSI.DATA_32, width: 2, rw: 0xffff },
    ];
    if (wide) list.push({ name: 'ADDRESS_HI', at: MSI.ADDRESS_HI, width: 4, rw: 0xffffffff });
    if (flags & MSI_FLAGS.MASKBIT) {
      const vectors = 1 << ((flags & MSI_FLAGS.QMASK) >> 1);
      const rw = vectors === 32 ? 0xffffffff : (1 << vectors) - 1;
      list.push({ name: 'MASK', at: wide ? MSI.MASK_64 : MSI.MASK_32, width: 4, rw });
    }
    return list;
  },
};

/** MSI-X, 7.7.2: only enable and function mask are writable. */
export const msix = fixed({
  name: 'msix',
  id: CAP.MSIX,
  size: MSIX.SIZEOF,
  registers: [{ name: 'FLAGS', at: MSIX.FLAGS, width: 2, rw: MSIX_FLAGS.ENABLE | MSIX_FLAGS.MASKALL }],
});

/** PCI Express, 7.5.3. Version 1 ends after the root registers of its type; version 2 is 0x3c long with all of them. */
export const exp: CapabilityKind = {
  name: 'exp',
  id: CAP.EXP,
  extended: false,
  size: (bytes) => ((bytes.getUint8(EXP.FLAGS) & 0xf) < 2 ? 0x14 : 0x3c),
  registers(bytes) {
    const first: Register[] = [
      { name: 'DEVCTL', at: EXP.DEVCTL, width: 2, rw: DEVCTL.PAYLOAD | DEVCTL.READRQ | 0x091f | DEVCTL.BCR_FLR },
      { name: 'DEVSTA', at: EXP.DEVSTA, width: 2, rw1c: 0x000f },
      { name: 'LNKCTL', at: EXP.LNKCTL, width: 2, rw: 0x01fb },
    ];
    if ((bytes.getUint8(EXP.FLAGS) & 0xf) < 2) return first;
    return [
      ...first,
      { name: 'DEVCTL2', at: EXP.DEVCTL2, width: 2, rw: 0x045f },
      { name: 'LNKCTL2', at: EXP.LNKCTL2, width: 2, rw: 0x000f },
    ];
  },
};

/** Vendor specific: length in the third byte; all of the body belongs to the device. */
export const vndr: CapabilityKind = {
  name: 'vndr',
  id: CAP.VNDR,
  extended: false,
  size: (bytes) => bytes.getUint8(2),
  registers: () => [],
};

/** Advanced features: FLR for conventional devices. */
export const af = fixed({
  name: 'af',
  id: CAP.AF,
  size: AF.SIZEOF,
  registers: [{ name: 'CTRL', at: AF.CTRL, width: 1, rw: 0x01 }],
});

/** Subsystem ids of a bridge, and slot numbering: read-only. */
export const ssvid = fixed({ name: 'ssvid', id: CAP.SSVID, size: 8 });

/** The standard capabilities that a description can name. */
export const STANDARD: readonly CapabilityKind[] = [pm, vpd, msi, msix, exp, vndr, af, ssvid];
