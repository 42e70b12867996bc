import { describe, expect, it } from 'vitest';
import type { Task } from '../../sim/scheduler.ts';
import type { Backing } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, INFO_CAP, VFIO } from '../../src/uapi/vfio.ts';
import type { RegionInfo, VfioDeviceOps } from '../../src/vfio/device.ts';
import type { CdevIoctls } from '../../src/vfio/device-file.ts';
import { encodeInfoCaps, infoCapsSize } from '../../src/vfio/info-caps.ts';
import { type FakeDriver, fakeDevice, join, Tenant, UNMAPPED, u32, u64 } from './fake-device.ts';

const { E2BIG, EFAULT, EINVAL, EIO, ENOTTY } = ERRNO;

/** What a driver that answers everything was asked. */
function recordingOps(log: unknown[][]): Partial<VfioDeviceOps<FakeDriver>> {
  const backing: Backing = { load: () => true, store: () => true, physical: () => undefined };
  return {
    ioctl: (_driver, _caller, command, argument) => {
      log.push(['ioctl', command, argument]);
      return -ENOTTY;
    },
    read: (_driver, _caller, _address, length, position) => {
      log.push(['read', length, position]);
      return length > 100 ? -EIO : Math.min(length, 10);
    },
    write: (_driver, _caller, _address, length, position) => {
      log.push(['write', length, position]);
      return sleepThenReturn(length);
    },
    mmap: (_driver, _caller, request) => {
      log.push(['mmap', request.offset]);
      return backing;
    },
  };
}

function* sleepThenReturn(value: number): Task<number> {
  yield 10;
  return value;
}

const MAP = { read: true, write: true, shared: true };
const BIND = (argsz: number, flags = 0, iommufd = 5, token = 0n) => join(u32(argsz, flags, iommufd, 0), u64(token));

describe('a device fd', () => {
  // covers: FD01
  it('answers EINVAL to everything but BIND until access is granted', () => {
    const log: unknown[][] = [];
    const tenant = new Tenant(fakeDevice(7, recordingOps(log)), { granted: false });
    const { process, fd, page } = tenant;
    expect(tenant.feature(FEATURE.MIGRATION | FEATURE_FLAG.GET, u64(0))).toBe(-EINVAL);
    expect(process.ioctl(fd, VFIO.DEVICE_FEATURE, UNMAPPED)).toBe(-EINVAL);
    expect(process.ioctl(fd, VFIO.DEVICE_RESET, 0)).toBe(-EINVAL);
    expect(process.ioctl(fd, 0x3b99, 0)).toBe(-EINVAL);
    expect(process.pread(fd, page, 4, 0)).toBe(-EINVAL);
    expect(process.pwrite(fd, page, 4, 0)).toBe(-EINVAL);
    expect(process.mmap(fd, 0, 4096, MAP)).toBe(-EINVAL);
    expect(log).toEqual([]);
    tenant.file.granted = true;
    expect(tenant.feature(FEATURE.MIGRATION | FEATURE_FLAG.GET, u64(0))).toBe(0);
  });

  // covers: FD05
  it('gives the driver every command the core does not decode, ATTACH and DETACH included', () => {
    const log: unknown[][] = [];
    const { process, fd } = new Tenant(fakeDevice(7, recordingOps(log)));
    for (const command of [VFIO.DEVICE_RESET, VFIO.DEVICE_ATTACH_IOMMUFD_PT, VFIO.DEVICE_DETACH_IOMMUFD_PT, 0x3b99]) {
      expect(process.ioctl(fd, command, 77)).toBe(-ENOTTY);
      expect(log.pop()).toEqual(['ioctl', command, 77]);
    }
  });

  it('answers EINVAL for operations the driver lacks', () => {
    const { process, fd, page } = new Tenant(fakeDevice(7));
    expect(process.ioctl(fd, VFIO.DEVICE_RESET, 0)).toBe(-EINVAL);
    expect(process.ioctl(fd, VFIO.DEVICE_GET_REGION_INFO, UNMAPPED)).toBe(-EINVAL);
    expect(process.read(fd, page, 4)).toBe(-EINVAL);
    expect(process.write(fd, page, 4)).toBe(-EINVAL);
    expect(process.mmap(fd, 0, 4096, MAP)).toBe(-EINVAL);
  });

  // covers: FD06
  it('moves its position by the bytes done by read and write, and not by pread, pwrite or an error', () => {
    const log: unknown[][] = [];
    const { process, fd, page } = new Tenant(fakeDevice(7, recordingOps(log)));
    expect(process.read(fd, page, 64)).toBe(10);
    expect(process.read(fd, page, 101)).toBe(-EIO);
    expect(process.pread(fd, page, 4, 2 ** 40)).toBe(4);
    expect(process.write(fd, page, 6)).toBe(6);
    expect(process.pwrite(fd, page, 3, 7)).toBe(3);
    expect(process.read(fd, page, 1)).toBe(1);
    expect(log.map(([, , position]) => position)).toEqual([0, 10, 2 ** 40, 10, 7, 16]);
  });

  it('stays open for a mapping, and is released once, after the last of both', () => {
    let released = 0;
    const { process, fd } = new Tenant(fakeDevice(7, recordingOps([])), { release: () => void released++ });
    const address = process.mmap(fd, 0, 4096, MAP);
    expect(process.close(fd)).toBe(0);
    expect(released).toBe(0);
    process.munmap(address);
    expect(released).toBe(1);
  });

  it('finishes a release that sleeps before close returns', () => {
    const tenant = new Tenant(fakeDevice(7), {
      *release() {
        yield 500;
      },
    });
    expect(tenant.process.close(tenant.fd)).toBe(0);
    expect(tenant.scheduler.now).toBe(500);
  });

  // covers: FD03
  it('keeps the device awake for the length of an ioctl, and answers EIO if it does not wake', () => {
    const log: string[] = [];
    let wakes = true;
    const ops = {
      pm_runtime_get: () => {
        log.push('get');
        return wakes ? 0 : -1;
      },
      pm_runtime_put: () => void log.push('put'),
      ioctl: () => {
        log.push('ioctl');
        return 0;
      },
    };
    const tenant = new Tenant(fakeDevice(7, ops));
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_RESET, 0)).toBe(0);
    expect(tenant.getState()).toBe(2);
    expect(log).toEqual(['get', 'ioctl', 'put', 'get', 'put']);
    wakes = false;
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_RESET, 0)).toBe(-EIO);
    expect(log.slice(5)).toEqual(['get']);
  });
});

describe('BIND_IOMMUFD', () => {
  const cases: [string, Uint8Array, number][] = [
    ['argsz too small', BIND(15, 0xff, -1), -EINVAL],
    ['unknown non-zero tail', join(BIND(32, 0xff, -1), u64(1)), -E2BIG],
    ['negative iommufd', BIND(24, 0, -1), -EINVAL],
    ['unknown flag', BIND(24, 2), -EINVAL],
  ];
  it.each(cases)('%s is the same error on every device fd, granted or not', (_what, bytes, error) => {
    const cdev: CdevIoctls = { bind: () => 0, attach: () => 1, detach: () => 2 };
    expect(new Tenant(fakeDevice(7)).ioctl(VFIO.DEVICE_BIND_IOMMUFD, bytes)).toBe(error);
    expect(new Tenant(fakeDevice(7), { granted: false, cdev }).ioctl(VFIO.DEVICE_BIND_IOMMUFD, bytes)).toBe(error);
  });

  it('faults are EFAULT: in the size, in the struct, in the tail behind zeros', () => {
    const tenant = new Tenant(fakeDevice(7));
    const end = tenant.page + 4096;
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_BIND_IOMMUFD, UNMAPPED)).toBe(-EFAULT);
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, u32(16, 0), end - 8)).toBe(-EFAULT);
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, u32(15, 0), end - 8)).toBe(-EINVAL);
    tenant.memory.write(end - 8, u32(0, 0));
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, BIND(0xffff_ffff), end - 64)).toBe(-EFAULT);
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, join(BIND(0xffff_ffff), u32(0, 1)), end - 64)).toBe(-E2BIG);
  });

  it('is EINVAL on an fd from a group, and goes to the cdev otherwise', () => {
    const requests: unknown[] = [];
    const cdev: CdevIoctls = {
      bind: (_caller, _argument, request) => {
        requests.push(request);
        return 0;
      },
      attach: () => 1,
      detach: () => 2,
    };
    expect(new Tenant(fakeDevice(7)).ioctl(VFIO.DEVICE_BIND_IOMMUFD, BIND(24))).toBe(-EINVAL);
    const tenant = new Tenant(fakeDevice(7), { granted: false, cdev });
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, BIND(24, 0, 5, 9n))).toBe(0);
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, BIND(24, 1, 6, 9n))).toBe(0);
    expect(tenant.ioctl(VFIO.DEVICE_BIND_IOMMUFD, BIND(16, 1, 7, 9n))).toBe(0);
    expect(requests).toEqual([
      { iommufd: 5, token: undefined },
      { iommufd: 6, token: 9 },
      { iommufd: 7, token: 0 },
    ]);
    expect(tenant.ioctl(VFIO.DEVICE_ATTACH_IOMMUFD_PT, u32(12))).toBe(-EINVAL);
    tenant.file.granted = true;
    expect(tenant.ioctl(VFIO.DEVICE_ATTACH_IOMMUFD_PT, u32(12))).toBe(1);
    expect(tenant.ioctl(VFIO.DEVICE_DETACH_IOMMUFD_PT, u32(8))).toBe(2);
  });
});

describe('GET_REGION_INFO', () => {
  const MSIX = { id: INFO_CAP.REGION_MSIX_MAPPABLE, version: 1, payload: new Uint8Array(0) };
  /** Region 0 has a capability, region 1 none, the others do not exist. */
  function regions(index: number, info: RegionInfo): number {
    if (index > 1) return -EINVAL;
    info.flags = index === 0 ? 7 : 3;
    info.size = 0x4000n;
    info.offset = BigInt(index) << 40n;
    if (index === 0) info.caps.push(MSIX);
    return 0;
  }
  const tenantOf = () =>
    new Tenant(fakeDevice(7, { get_region_info_caps: (_driver, index, info) => regions(index, info) }));
  const query = (argsz: number, index: number) =>
    join(u32(argsz, 0xffff_ffff, index, 0xeeee_eeee), u64(2n ** 64n - 1n, 5), new Uint8Array(8).fill(0xa5));

  // covers: IO10
  it('puts the chain behind the struct when argsz has room for it', () => {
    for (const argsz of [40, 48, 0xffff_ffff]) {
      const tenant = tenantOf();
      expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, query(argsz, 0))).toBe(0);
      const expected = join(u32(argsz, 0xf, 0, 32), u64(0x4000, 0), u32(0x0001_0003, 0));
      expect(tenant.memory.read(tenant.page, 40)).toEqual(expected);
    }
  });

  it('names the size it takes when argsz has not, and writes nothing behind the struct', () => {
    for (const argsz of [32, 39]) {
      const tenant = tenantOf();
      expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, query(argsz, 0))).toBe(0);
      const expected = join(u32(40, 0xf, 0, 0), u64(0x4000, 0), new Uint8Array(8).fill(0xa5));
      expect(tenant.memory.read(tenant.page, 40)).toEqual(expected);
    }
  });

  // covers: IO12
  it('echoes argsz and cap_offset of the user for a region without capabilities', () => {
    const tenant = tenantOf();
    expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, query(33, 1))).toBe(0);
    expect(tenant.memory.read(tenant.page, 32)).toEqual(join(u32(33, 3, 1, 0xeeee_eeee), u64(0x4000, 2 ** 40)));
  });

  // covers: IO13
  it('needs the whole struct readable, then argsz, then the region, and writes nothing on an error', () => {
    const tenant = tenantOf();
    const end = tenant.page + 4096;
    expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, u32(0, 0, 9), end - 12)).toBe(-EFAULT);
    expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, query(31, 9))).toBe(-EINVAL);
    expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, query(32, 9))).toBe(-EINVAL);
    expect(tenant.memory.read(tenant.page, 40)).toEqual(query(32, 9));
  });

  it('is EFAULT where the chain cannot be written, and leaves the struct as it was', () => {
    const tenant = tenantOf();
    const at = tenant.page + 4096 - 32;
    const sent = query(40, 0).subarray(0, 32);
    expect(tenant.ioctl(VFIO.DEVICE_GET_REGION_INFO, sent, at)).toBe(-EFAULT);
    expect(tenant.memory.read(at, 32)).toEqual(sent);
    for (const [index, error] of [
      [1, -EFAULT],
      [2, -EINVAL],
    ] as const) {
      const locked = tenant.lockedPage(query(32, index));
      expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_GET_REGION_INFO, locked)).toBe(error);
    }
  });
});

it('a capability chain is aligned to 8 bytes, linked from the start of the info struct, and ends with 0', () => {
  const caps = [
    { id: 1, version: 1, payload: new Uint8Array(20).fill(1) },
    { id: 2, version: 3, payload: new Uint8Array(8).fill(2) },
    { id: 5, version: 1, payload: new Uint8Array(0) },
  ];
  const bytes = encodeInfoCaps(caps, 24);
  const view = new DataView(bytes.buffer);
  expect(infoCapsSize(caps)).toBe(56);
  expect(
    [0, 32, 48].map((at) => [view.getUint16(at, true), view.getUint16(at + 2, true), view.getUint32(at + 4, true)]),
  ).toEqual([
    [1, 1, 56],
    [2, 3, 72],
    [5, 1, 0],
  ]);
});
