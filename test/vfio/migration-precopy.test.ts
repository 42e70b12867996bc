import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, MIG_STATE, VFIO } from '../../src/uapi/vfio.ts';
import { fakeDevice, join, Tenant, UNMAPPED, u32, u64 } from './fake-device.ts';

const { EFAULT, EINVAL, ENODEV, ENOTTY } = ERRNO;
const { RUNNING, STOP_COPY, PRE_COPY } = MIG_STATE;
const INFO = VFIO.MIG_GET_PRECOPY_INFO;

/** A tenant in PRE_COPY and its save fd. */
function preCopying(): { tenant: Tenant; fd: number; ask: (bytes: Uint8Array, address?: number) => number } {
  const tenant = new Tenant(fakeDevice(7));
  const { fd } = tenant.setState(PRE_COPY);
  const ask = (bytes: Uint8Array, address = tenant.page) => {
    tenant.memory.write(address, bytes);
    return tenant.process.ioctl(fd, INFO, address);
  };
  return { tenant, fd, ask };
}

const request = (argsz: number) => join(u32(argsz, 0xabcd), u64(7, 2n ** 63n + 9n));

describe('VFIO_MIG_GET_PRECOPY_INFO', () => {
  // covers: MG10
  it('checks the command, the 24 bytes, argsz, the state and the file, in this order', () => {
    const { tenant, fd, ask } = preCopying();
    expect(tenant.process.ioctl(fd, VFIO.DEVICE_RESET, UNMAPPED)).toBe(-ENOTTY);
    expect(ask(u32(0), tenant.page + 4096 - 4)).toBe(-EFAULT);
    expect(ask(request(23))).toBe(-EINVAL);
    expect(ask(request(24))).toBe(0);
    expect(tenant.process.ioctl(fd, INFO, tenant.lockedPage(request(24)))).toBe(-EFAULT);
    tenant.setState(STOP_COPY);
    expect(tenant.process.ioctl(fd, INFO, tenant.lockedPage(request(24)))).toBe(-EINVAL);
    expect(ask(request(24))).toBe(-EINVAL);
    tenant.setState(RUNNING);
    expect(ask(request(24))).toBe(-EINVAL);
    tenant.setState(PRE_COPY);
    expect(ask(request(24))).toBe(-ENODEV); // a new session runs, the old file is disabled
  });

  // covers: MG10
  it('returns what the driver leaves alone as the user sent it, all 64 bits, and flags too', () => {
    const { tenant, ask } = preCopying();
    expect(ask(request(100))).toBe(0);
    expect(tenant.memory.read(tenant.page, 24)).toEqual(join(u32(100, 0xabcd), u64(24, 2n ** 63n + 9n)));
  });

  // covers: MG11
  it('zeroes flags for a user who opted in', () => {
    const { tenant, ask } = preCopying();
    expect(tenant.feature(FEATURE.MIG_PRECOPY_INFOv2 | FEATURE_FLAG.SET)).toBe(0);
    expect(ask(request(24))).toBe(0);
    expect(tenant.u32(4)).toBe(0);
  });

  it('is ENOTTY on a resume fd', () => {
    const tenant = new Tenant(fakeDevice(7));
    const { fd } = tenant.setState(MIG_STATE.RESUMING);
    expect(tenant.process.ioctl(fd, INFO, UNMAPPED)).toBe(-ENOTTY);
  });
});
