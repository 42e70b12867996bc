import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, VFIO } from '../../src/uapi/vfio.ts';
import { vfio_check_feature } from '../../src/vfio/feature.ts';
import { fakeDevice, Tenant, UNMAPPED, u32, u64 } from './fake-device.ts';

const { GET, SET, PROBE } = FEATURE_FLAG;
const { EFAULT, EINVAL, ENOTTY } = ERRNO;

/** Gate, operations and data size of the features the core knows, for a device that has everything. */
const CORE = [
  { feature: FEATURE.MIGRATION, ops: GET, size: 8, absent: ENOTTY },
  { feature: FEATURE.MIG_DEVICE_STATE, ops: GET | SET, size: 8, absent: ENOTTY },
  { feature: FEATURE.DMA_LOGGING_START, ops: SET, size: 24, absent: ENOTTY },
  { feature: FEATURE.DMA_LOGGING_STOP, ops: SET, size: 0, absent: ENOTTY },
  { feature: FEATURE.DMA_LOGGING_REPORT, ops: GET, size: 32, absent: ENOTTY },
  { feature: FEATURE.MIG_DATA_SIZE, ops: GET, size: 8, absent: ENOTTY },
  { feature: FEATURE.MIG_PRECOPY_INFOv2, ops: SET, size: 0, absent: EINVAL },
] as const;

describe('the front end of VFIO_DEVICE_FEATURE', () => {
  // covers: MG01 MG15 MG16
  it('answers the vectors of the kernel', () => {
    const tenant = new Tenant(fakeDevice(7));
    const call = (flags: number, argsz: number) => tenant.feature(flags, new Uint8Array(32), argsz);
    expect(call(FEATURE.MIGRATION | GET | PROBE, 8)).toBe(0);
    expect(call(FEATURE.MIGRATION | SET | PROBE, 8)).toBe(-EINVAL);
    expect(call(FEATURE.MIGRATION | GET, 15)).toBe(-EINVAL);
    expect(call(FEATURE.MIGRATION | GET | 0x80000, 16)).toBe(-EINVAL);
    expect(call(FEATURE.MIGRATION | GET, 16)).toBe(0);
    expect(call(FEATURE.MIGRATION | GET, 0xffff_ffff)).toBe(0);
    expect(tenant.u64(8)).toBe(7n);
  });

  // covers: MG15 MG16 MG17
  it('reports the first fault in order: header, argsz, unknown bits, GET with SET, gate, operation, probe, size', () => {
    for (const equipped of [true, false]) {
      const abilities = { migration: equipped, logging: equipped };
      for (const feature of CORE) {
        for (const bits of [0, GET, SET, GET | SET, PROBE, PROBE | GET, PROBE | SET, PROBE | GET | SET]) {
          for (const unknown of [0, 0x80000, 0x8000_0000]) {
            for (const argsz of [0, 7, 8, 8 + feature.size - 1, 8 + feature.size, 0xffff_ffff]) {
              const asked = bits & (GET | SET);
              const faults: [boolean, number][] = [
                [argsz < 8, -EINVAL],
                [unknown !== 0, -EINVAL],
                [bits === (GET | SET), -EINVAL],
                [!equipped, -feature.absent],
                [(asked & ~feature.ops) !== 0, -EINVAL],
                [(bits & PROBE) !== 0, 0],
                [asked === 0, -EINVAL],
                [argsz - 8 < feature.size, -EINVAL],
              ];
              const fault = faults.find(([is]) => is);
              if (fault === undefined) continue; // what the feature itself does is tested where it lives
              const tenant = new Tenant(fakeDevice(equipped ? 7 : 3, {}, abilities));
              const flags = (feature.feature | bits | unknown) >>> 0;
              expect(tenant.feature(flags, new Uint8Array(32), argsz), `${flags} ${argsz}`).toBe(fault[1]);
            }
          }
        }
      }
    }
  });

  it('an unreadable header is EFAULT before anything else, even if half of it can be read', () => {
    const tenant = new Tenant(fakeDevice(7));
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, UNMAPPED)).toBe(-EFAULT);
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, tenant.page + 4092)).toBe(-EFAULT);
  });

  it('unreadable data of a feature is EFAULT only after its checks', () => {
    const tenant = new Tenant(fakeDevice(7));
    const end = tenant.page + 4096 - 8; // the header fits, the data does not
    const call = (flags: number, argsz: number) => tenant.feature(flags, new Uint8Array(0), argsz, end);
    for (const { feature, ops, size } of CORE) {
      if (size === 0) continue;
      const op = (ops & GET) !== 0 ? GET : SET;
      expect(call(feature | op, 8 + size)).toBe(-EFAULT);
      expect(call(feature | op, 8 + size - 1)).toBe(-EINVAL);
      expect(call(feature | op | PROBE, 8)).toBe(0);
    }
  });

  it('gives features it does not know to the driver, with the bytes behind the header', () => {
    const seen: number[][] = [];
    const tenant = new Tenant(
      fakeDevice(7, {
        device_feature: (_driver, _caller, flags, argument, argsz) => {
          seen.push([flags, argument, argsz]);
          return vfio_check_feature(flags, argsz, SET, 8) === 1 ? 5 : -EINVAL;
        },
      }),
    );
    expect(tenant.feature(FEATURE.PCI_VF_TOKEN | SET, new Uint8Array(16))).toBe(5);
    expect(tenant.feature(FEATURE.PCI_VF_TOKEN | SET, new Uint8Array(7))).toBe(-EINVAL);
    expect(seen[0]).toEqual([SET, tenant.page + 8, 16]);
  });

  // covers: MG18
  it('a driver without device_feature answers ENOTTY for them, after the checks of the header', () => {
    const tenant = new Tenant(fakeDevice(7));
    for (const feature of [0, 3, 4, 5, 10, 11, 13, 14, 0xffff]) {
      expect(tenant.feature(feature | PROBE)).toBe(-ENOTTY);
      expect(tenant.feature(feature | GET)).toBe(-ENOTTY);
      expect(tenant.feature(feature | GET | SET)).toBe(-EINVAL);
    }
  });
});

// covers: MG09
it('MIG_DATA_SIZE is the estimate of the driver in any state, or the errno of the driver', () => {
  const tenant = new Tenant(fakeDevice(7));
  tenant.driver.dataSize = 2 ** 40 + 3;
  expect(tenant.feature(FEATURE.MIG_DATA_SIZE | GET, u64(0))).toBe(0);
  expect(tenant.u64(8)).toBe(2n ** 40n + 3n);
  tenant.driver.dataSize = -ERRNO.EIO;
  expect(tenant.feature(FEATURE.MIG_DATA_SIZE | GET, u64(0))).toBe(-ERRNO.EIO);
  expect(tenant.u64(8)).toBe(0n);
});

// covers: MG11
it('the pre-copy opt-in takes no data and is refused without PRE_COPY', () => {
  const tenant = new Tenant(fakeDevice(7));
  expect(tenant.feature(FEATURE.MIG_PRECOPY_INFOv2 | SET)).toBe(0);
  expect(tenant.device.precopyInfoV2).toBe(true);
  const without = new Tenant(fakeDevice(3));
  expect(without.feature(FEATURE.MIG_PRECOPY_INFOv2 | SET, u32(0, 0))).toBe(-EINVAL);
  expect(without.feature(FEATURE.MIG_PRECOPY_INFOv2 | SET | PROBE)).toBe(-EINVAL);
  expect(without.device.precopyInfoV2).toBe(false);
});
