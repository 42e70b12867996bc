import { describe, expect, test } from 'vitest';
import { decodeStruct } from '../../src/trace/decode.ts';
import { requestNumber } from '../../src/trace/requests.ts';
import { VFIO } from '../../src/uapi/vfio.ts';

function fields(hex: string, ...how: [Parameters<typeof decodeStruct>[1], number, 'in' | 'out']): object {
  return Object.fromEntries(decodeStruct(hex, ...how).map(({ name, value }) => [name, value]));
}

describe('a struct is decoded', () => {
  test('by the request and the kind of file', () => {
    const hex = '200000000f000000';
    expect(fields(hex, 'group', VFIO.GROUP_GET_STATUS, 'out')).toEqual({
      argsz: '0x20',
      flags: '0xf VFIO_GROUP_FLAGS_VIABLE|VFIO_GROUP_FLAGS_CONTAINER_SET|0xc',
    });
    expect(requestNumber('VFIO_IOMMU_GET_INFO')).toBe(requestNumber('VFIO_DEVICE_GET_PCI_HOT_RESET_INFO'));
    expect(fields(hex, 'container', VFIO.IOMMU_GET_INFO, 'in')).toMatchObject({
      argsz: '0x20',
      flags: '0xf VFIO_IOMMU_INFO_PGSIZES|VFIO_IOMMU_INFO_CAPS|0xc',
    });
    expect(fields(hex, 'iommufd', requestNumber('IOMMU_DESTROY')!, 'in')).toEqual({ size: '0x20', id: '0xf' });
  });

  test('with what its flags say stands behind it', () => {
    expect(fields('100000000200010002000000ffffffff', 'device', VFIO.DEVICE_FEATURE, 'out')).toEqual({
      argsz: '0x10',
      flags: '0x10002 VFIO_DEVICE_FEATURE_GET|VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE',
      'data.device_state': '2 VFIO_DEVICE_STATE_RUNNING',
      'data.data_fd': '-1',
    });
    const irqs = '1c000000240000000000000000000000020000000500000006000000';
    expect(fields(irqs, 'device', VFIO.DEVICE_SET_IRQS, 'in')).toMatchObject({ '[0].fd': '5', '[1].fd': '6' });
  });

  test('with the entries the kernel returned', () => {
    const hex = `c8000000000000000100000010000000000001${'80'}${'00'.repeat(8)}`;
    expect(fields(hex, 'device', VFIO.DEVICE_GET_PCI_HOT_RESET_INFO, 'out')).toEqual({
      argsz: '0xc8',
      flags: '0',
      count: '1',
      '[0].group_id': '0x10',
      '[0].segment': '0',
      '[0].bus': '1',
      '[0].devfn': '0x80',
      'bytes[0x14..0x1b]': '0000000000000000',
    });
  });

  test('through its capabilities', () => {
    const hex = `40000000080000000000000020000000${'00'.repeat(16)}0100010000000000010000000000000${'0'}`;
    expect(fields(hex, 'device', VFIO.DEVICE_GET_REGION_INFO, 'out')).toMatchObject({
      'cap[0].id': '1 VFIO_REGION_INFO_CAP_SPARSE_MMAP',
      'cap[0].nr_areas': '1',
    });
  });

  test('without guessing bytes that depend on the run, or that nothing is known about', () => {
    expect(fields('**'.repeat(4), 'group', VFIO.GROUP_SET_CONTAINER, 'out')).toEqual({ fd: '**' });
    expect(fields('0102', 'device', 0x3bff, 'in')).toEqual({ 'bytes[0x0..0x1]': '0102' });
  });
});
