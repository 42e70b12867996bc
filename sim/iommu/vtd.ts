/** The capability registers of an Intel VT-d unit (VT-d specification 5.0, 11.4.2 and 11.4.3). */
import type { IommuDescription } from '../pci/description.ts';

/** CAP_REG of a unit with 48-bit domains, caching mode and pages of 2 MiB and 1 GiB. */
const CAP = 0x80d2_008c_222f_0686n;
/** ECAP_REG without scalable mode: queued invalidation, interrupt remapping, pass-through. */
const ECAP = 0x0000_0000_00f0_0f4en;

/** Bits of ECAP_REG that go with what the unit can do. */
const ECAP_BIT = {
  DT: 1n << 2n,
  NEST: 1n << 26n,
  PRS: 1n << 29n,
  PASID: 1n << 40n,
  SMTS: 1n << 43n,
  SLADS: 1n << 45n,
  SLTS: 1n << 46n,
  FLTS: 1n << 47n,
} as const;

/** Both registers, as the features of the machine's IOMMU make them. */
export function vtdRegisters(features: IommuDescription): { readonly cap: bigint; readonly ecap: bigint } {
  let ecap = ECAP;
  if (features.nesting) ecap |= ECAP_BIT.NEST | ECAP_BIT.SMTS | ECAP_BIT.SLTS | ECAP_BIT.FLTS;
  if (features.dirtyTracking) ecap |= ECAP_BIT.SLADS | ECAP_BIT.SMTS | ECAP_BIT.SLTS;
  if (features.pasid) ecap |= ECAP_BIT.PASID | ECAP_BIT.SMTS;
  if (features.pageRequests) ecap |= ECAP_BIT.PRS | ECAP_BIT.DT;
  return { cap: CAP, ecap };
}
