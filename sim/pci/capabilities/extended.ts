/** Extended capabilities (PCI Express Base Specification 6.0, 7.8 and 7.9; SR-IOV in 9.3). */
import { ACS, AER, EXT_CAP, SRIOV, SRIOV_CTRL } from '../registers.ts';
import { type CapabilityKind, fixed } from './kind.ts';

/** Advanced error reporting, 7.8.4. */
export const aer = fixed({
  name: 'aer',
  id: EXT_CAP.ERR,
  extended: true,
  version: 2,
  size: 0x48,
  registers: [
    { name: 'UNCOR_STATUS', at: AER.UNCOR_STATUS, width: 4, rw1c: 0x03fff030, sticky: 0x03fff030 },
    { name: 'UNCOR_MASK', at: AER.UNCOR_MASK, width: 4, rw: 0x03fff030, sticky: 0x03fff030 },
    { name: 'UNCOR_SEVER', at: AER.UNCOR_SEVER, width: 4, rw: 0x03fff030, sticky: 0x03fff030 },
    { name: 'COR_STATUS', at: AER.COR_STATUS, width: 4, rw1c: 0xf1c1, sticky: 0xf1c1 },
    { name: 'COR_MASK', at: AER.COR_MASK, width: 4, rw: 0xf1c1, sticky: 0xf1c1 },
    { name: 'CAP', at: AER.CAP, width: 4, rw: 0x140, sticky: 0x15f },
    { name: 'HEADER_LOG', at: AER.HEADER_LOG, width: 4, count: 4, sticky: 0xffff_ffff },
  ],
});

/** Device serial number, 7.9.3. */
export const dsn = fixed({ name: 'dsn', id: EXT_CAP.DSN, extended: true, size: 12 });

/** Access control services, 7.7.11: a control bit is writable where the capability bit is set. */
export const acs: CapabilityKind = {
  name: 'acs',
  id: EXT_CAP.ACS,
  extended: true,
  size: () => 8,
  registers: (bytes) => [{ name: 'CTRL', at: ACS.CTRL, width: 2, rw: bytes.getUint16(ACS.CAP, true) & 0x7f }],
};

/** Alternative routing-id, 7.8.8. */
export const ari = fixed({
  name: 'ari',
  id: EXT_CAP.ARI,
  extended: true,
  size: 8,
  registers: [{ name: 'CTRL', at: 6, width: 2, rw: 0 }],
});

/** Single-root I/O virtualisation, 9.3.3. NumVFs is writable while VF Enable is clear: see the function's hook. */
export const sriov: CapabilityKind = {
  name: 'sriov',
  id: EXT_CAP.SRIOV,
  extended: true,
  size: () => SRIOV.SIZEOF,
  registers: (bytes) => [
    {
      name: 'CTRL',
      at: SRIOV.CTRL,
      width: 2,
      rw: SRIOV_CTRL.VFE | SRIOV_CTRL.MSE | (bytes.byteLength > 0 ? SRIOV_CTRL.ARI : 0),
    },
    { name: 'NUM_VF', at: SRIOV.NUM_VF, width: 2, rw: 0xffff },
    { name: 'SYS_PGSIZE', at: SRIOV.SYS_PGSIZE, width: 4, rw: bytes.getUint32(SRIOV.SUP_PGSIZE, true) },
  ],
};

/** Vendor specific extended capability, 7.9.5: length in the vendor header. */
export const vsec: CapabilityKind = {
  name: 'vsec',
  id: EXT_CAP.VNDR,
  extended: true,
  size: (bytes) => bytes.getUint32(4, true) >>> 20,
  registers: () => [],
};

/** Address translation services, PASID: control registers software may set. */
export const ats = fixed({
  name: 'ats',
  id: EXT_CAP.ATS,
  extended: true,
  size: 8,
  registers: [{ name: 'CTRL', at: 6, width: 2, rw: 0x801f }],
});
/** Page requests, 10.5.1: enable and reset; how many may be outstanding is software's choice. */
export const pri = fixed({
  name: 'pri',
  id: EXT_CAP.PRI,
  extended: true,
  size: 16,
  registers: [
    { name: 'CTRL', at: 0x04, width: 2, rw: 0x3 },
    { name: 'STATUS', at: 0x06, width: 2, rw1c: 0x3 },
    { name: 'ALLOC', at: 0x0c, width: 4, rw: 0xffffffff },
  ],
});
export const pasid = fixed({
  name: 'pasid',
  id: EXT_CAP.PASID,
  extended: true,
  size: 8,
  registers: [{ name: 'CTRL', at: 6, width: 2, rw: 0x7 }],
});
export const ltr = fixed({
  name: 'ltr',
  id: EXT_CAP.LTR,
  extended: true,
  size: 8,
  registers: [
    { name: 'MAX_SNOOP', at: 4, width: 2, rw: 0x1fff },
    { name: 'MAX_NOSNOOP', at: 6, width: 2, rw: 0x1fff },
  ],
});

/** The extended capabilities that a description can name. */
export const EXTENDED: readonly CapabilityKind[] = [aer, dsn, acs, ari, sriov, vsec, ats, pri, pasid, ltr];
