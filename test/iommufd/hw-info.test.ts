import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HW_CAP, HW_INFO_TYPE } from '../../src/uapi/iommufd.ts';
import { ACCELERATOR, type Device, type Fields, PLAIN, Rig, UNMAPPED } from './rig.ts';

/** Bits of VT-d's ECAP_REG (VT-d specification 11.4.3). */
const ECAP = { NEST: 1n << 26n, PRS: 1n << 29n, PASID: 1n << 40n, SLADS: 1n << 45n } as const;

const info = (rig: Rig, device: Device, fields: Fields = {}): number =>
  rig.call('GET_HW_INFO', { dev_id: device.id, ...fields });

describe('GET_HW_INFO', () => {
  // covers: IF19
  test('says what the device and the IOMMU in front of it can do', () => {
    const rig = new Rig();
    const all = HW_CAP.DIRTY_TRACKING | HW_CAP.PCI_PASID_EXEC | HW_CAP.PCI_PASID_PRIV;
    expect(info(rig, rig.device(ACCELERATOR))).toBe(0);
    expect([rig.out('out_capabilities'), rig.out('out_max_pasid_log2')]).toEqual([all, 8]);
    expect(info(rig, rig.device(PLAIN))).toBe(0);
    expect([rig.out('out_capabilities'), rig.out('out_max_pasid_log2')]).toEqual([
      HW_CAP.DIRTY_TRACKING | HW_CAP.PCI_ATS_NOT_SUPPORTED,
      0,
    ]);
    expect(rig.out('out_data_type')).toBe(HW_INFO_TYPE.INTEL_VTD);
  });

  // covers: IF19
  test('a VF has the PASIDs of its PF', () => {
    const rig = new Rig();
    info(rig, rig.device(rig.vf()));
    expect([rig.out('out_max_pasid_log2'), rig.out('out_capabilities') & HW_CAP.PCI_PASID_EXEC]).toEqual([8, 2]);
  });

  // covers: IF19
  test('a machine without the features has none of them to tell', () => {
    const rig = new Rig({ dirtyTracking: false, nesting: false, pasid: false, pageRequests: false });
    const device = rig.device(ACCELERATOR);
    const data = rig.allocate(0x1000);
    info(rig, device, { data_len: 24, data_uptr: data });
    expect([rig.out('out_capabilities'), rig.out('out_max_pasid_log2')]).toEqual([0, 0]);
    expect(rig.u64(data + 16) & (ECAP.NEST | ECAP.PRS | ECAP.PASID | ECAP.SLADS)).toBe(0n);
  });

  // covers: IF19
  test('shows the capability registers, with a bit for each feature', () => {
    const rig = new Rig();
    const data = rig.allocate(0x1000);
    info(rig, rig.device(PLAIN), { data_len: 24, data_uptr: data });
    for (const bit of Object.values(ECAP)) expect(rig.u64(data + 16) & bit).toBe(bit);
  });

  // covers: IF19
  test('copies what fits, fills the rest with zeros, and says how much there is', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const data = rig.allocate(0x1000);
    const ones = new Array(8).fill(0xff);
    const ask = (data_len: number): number[] => {
      rig.process.memory.write(data, new Uint8Array(0x40).fill(0xff));
      expect(info(rig, device, { data_len, data_uptr: data })).toBe(0);
      expect(rig.out('data_len')).toBe(24);
      return rig.bytes(data, 0x40);
    };
    expect(ask(0)).toEqual(new Array(0x40).fill(0xff));
    expect(ask(8).slice(8, 16)).toEqual(ones);
    expect(ask(0x30).slice(24)).toEqual([...new Array(24).fill(0), ...new Array(16).fill(0xff)]);
  });

  // covers: IF19
  test.each([
    ['another flag', { flags: 2 }, ERRNO.EOPNOTSUPP],
    ['a reserved byte', { __reserved: Uint8Array.of(0, 0, 1) }, ERRNO.EOPNOTSUPP],
    ['a type that this IOMMU is not', { flags: 1, out_data_type: HW_INFO_TYPE.ARM_SMMUV3 }, ERRNO.EOPNOTSUPP],
    ['a device there is not', { dev_id: 99 }, ERRNO.ENOENT],
    ['data where nothing is', { data_len: 24, data_uptr: UNMAPPED }, ERRNO.EFAULT],
    ['zeros where nothing is', { data_len: 0xffff_ffff, data_uptr: UNMAPPED }, ERRNO.EFAULT],
  ])('refuses %s', (_, fields, errno) => {
    const rig = new Rig();
    expect(info(rig, rig.device(PLAIN), fields)).toBe(-errno);
  });

  // covers: IF19
  test('a type is looked at only with its flag, where 0 is the IOMMU’s own', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const answers = [
      { out_data_type: HW_INFO_TYPE.ARM_SMMUV3 },
      { flags: 1, out_data_type: HW_INFO_TYPE.DEFAULT },
      { flags: 1, out_data_type: HW_INFO_TYPE.INTEL_VTD },
    ].map((fields) => [info(rig, device, fields), rig.out('out_data_type')]);
    expect(answers).toEqual(new Array(3).fill([0, HW_INFO_TYPE.INTEL_VTD]));
  });

  // covers: IF19
  test('takes the struct without its last field', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    expect(rig.call('GET_HW_INFO', { dev_id: device.id }, 32)).toBe(0);
    expect(rig.call('GET_HW_INFO', { dev_id: device.id }, 31)).toBe(-ERRNO.EINVAL);
  });
});
