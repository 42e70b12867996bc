import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, MIG_STATE, type MigState, VFIO } from '../../src/uapi/vfio.ts';
import { DATA_FILE_ARCS, MIG_REFUSED, migrationPath, migStateName } from '../../src/vfio/migration/arcs.ts';
import { fakeDevice, Tenant, u32 } from './fake-device.ts';

const { EFAULT, EINVAL, EIO, EMFILE, ENODEV } = ERRNO;
const { GET, SET } = FEATURE_FLAG;
const SET_STATE = FEATURE.MIG_DEVICE_STATE | SET;
const { ERROR, STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY } = MIG_STATE;

const ALL_FLAGS = [1, 3, 5, 7];
const STATES = Object.values(MIG_STATE);

/** A tenant whose device is in `state` and has taken no arc yet. */
function tenantIn(flags: number, state: MigState): Tenant {
  const tenant = new Tenant(fakeDevice(flags));
  tenant.driver.state = state;
  return tenant;
}

/** Every flags, origin and path of the state machine. */
function* allPaths(): Generator<{ flags: number; path: MigState[]; where: string }> {
  for (const flags of ALL_FLAGS)
    for (const from of STATES)
      for (const to of STATES) {
        const path = from === ERROR ? MIG_REFUSED : migrationPath(flags, from, to);
        if (path !== MIG_REFUSED) yield { flags, path, where: `flags ${flags}: ${path.map(migStateName).join(' ')}` };
      }
}

const arcsOf = (path: MigState[]) => path.slice(1).map((to, i) => `${migStateName(path[i]!)}>${migStateName(to)}`);
const opensFile = (path: MigState[]) =>
  DATA_FILE_ARCS.some(({ from, to }) => from === path.at(-2) && to === path.at(-1));

describe('SET of MIG_DEVICE_STATE', () => {
  // covers: MG03 MG04
  it('takes the arcs of the path, and hands out a file exactly on the four arcs that open a session', () => {
    for (const { flags, path, where } of allPaths()) {
      const tenant = tenantIn(flags, path[0]!);
      const target = path.at(-1)!;
      const { ret, echoed, fd } = tenant.setState(target);
      expect(ret, where).toBe(0);
      expect(echoed, where).toBe(target);
      expect(tenant.driver.arcs, where).toEqual(arcsOf(path));
      expect(tenant.getState(), where).toBe(target);
      expect(fd >= 0, where).toBe(path.length > 1 && opensFile(path));
      if (fd < 0) expect(fd, where).toBe(-1);
      else expect(tenant.process.file(fd)?.file, where).toBe(tenant.driver.session);
    }
  });

  // covers: MG06
  it('stops at the last state reached when an arc fails, and says so only to a GET', () => {
    for (const { flags, path, where } of allPaths()) {
      for (let k = 0; k + 1 < path.length; k++) {
        const tenant = tenantIn(flags, path[0]!);
        const target = path.at(-1)!;
        tenant.driver.fail = (from) => (from === path[k] ? -EIO : 0);
        expect(tenant.setState(target), where).toEqual({ ret: -EIO, echoed: target, fd: -1 });
        expect(tenant.driver.arcs, where).toEqual(arcsOf(path).slice(0, k + 1));
        expect(tenant.getState(), where).toBe(path[k]);
      }
    }
  });

  // covers: MG06 MG07
  it('refuses what is no state of the device, without touching it', () => {
    for (const flags of ALL_FLAGS) {
      for (const target of [0, 5, 6, 7, 8, 9, 0x8000_0000, 0xffff_ffff]) {
        const tenant = tenantIn(flags, RUNNING);
        if (migrationPath(flags, RUNNING, target) !== MIG_REFUSED) continue;
        expect(tenant.setState(target)).toEqual({ ret: -EINVAL, echoed: target, fd: -1 });
        expect(tenant.driver.arcs).toEqual([]);
        expect(tenant.getState()).toBe(RUNNING);
      }
    }
  });

  it('ends at once, refused, on the arcs from STOP_COPY back to PRE_COPY', () => {
    for (const flags of [5, 7]) {
      const tenant = tenantIn(flags, STOP_COPY);
      expect(tenant.setState(PRE_COPY)).toEqual({ ret: -EINVAL, echoed: PRE_COPY, fd: -1 });
      expect(tenant.getState()).toBe(STOP_COPY);
      expect(tenant.process.hangs).toBe(0);
    }
  });

  // covers: MG07
  it('to the current state is success without an arc or a file, even from ERROR', () => {
    for (const state of STATES) {
      const tenant = tenantIn(7, state);
      expect(tenant.setState(state)).toEqual({ ret: 0, echoed: state, fd: -1 });
      expect(tenant.driver.arcs).toEqual([]);
    }
    const tenant = tenantIn(7, ERROR);
    expect(tenant.setState(RUNNING).ret).toBe(-EINVAL);
    expect(tenant.getState()).toBe(ERROR);
  });

  it('reads the struct before anything happens', () => {
    const tenant = tenantIn(7, RUNNING);
    const end = tenant.page + 4096 - 12; // device_state can be read, data_fd cannot
    expect(tenant.feature(SET_STATE, u32(STOP), 16, end)).toBe(-EFAULT);
    expect(tenant.feature(FEATURE.MIG_DEVICE_STATE | GET, u32(STOP), 16, end)).toBe(-EFAULT);
    expect(tenant.driver.arcs).toEqual([]);
  });

  // covers: MG06
  it('loses the file, but not the state, when the descriptor table is full', () => {
    const tenant = tenantIn(1, RUNNING);
    tenant.process.files.limit = tenant.fd + 1;
    expect(tenant.setState(STOP_COPY)).toEqual({ ret: -EMFILE, echoed: STOP_COPY, fd: 0x1234 });
    expect(tenant.getState()).toBe(STOP_COPY);
    expect(tenant.driver.released).toBe(0); // the driver still holds its own reference
    expect(tenant.setState(STOP).ret).toBe(0);
    expect(tenant.driver.released).toBe(1);
  });

  it('loses the file and frees its number, but not the state, when the answer cannot be written', () => {
    const tenant = tenantIn(1, RUNNING);
    const locked = tenant.lockedPage(u32(16, SET_STATE, STOP_COPY, 0));
    const before = tenant.process.files.open;
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, locked)).toBe(-EFAULT);
    expect(tenant.process.files.open).toEqual(before);
    expect(tenant.getState()).toBe(STOP_COPY);
    expect(tenant.setState(STOP).ret).toBe(0);
    expect(tenant.driver.released).toBe(1);
  });

  it('an answer that cannot be written hides the errno of the driver', () => {
    const tenant = tenantIn(1, RUNNING);
    tenant.driver.fail = () => -EIO;
    const locked = tenant.lockedPage(u32(16, SET_STATE, STOP, 0));
    expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, locked)).toBe(-EFAULT);
    expect(tenant.driver.arcs).toEqual(['RUNNING>STOP']);
  });

  it('drops a file that comes before the last arc, with the state already moved', () => {
    const tenant = tenantIn(3, RUNNING);
    tenant.driver.strayFileOn = 'RUNNING>RUNNING_P2P';
    expect(tenant.setState(STOP)).toEqual({ ret: -EINVAL, echoed: STOP, fd: -1 });
    expect(tenant.getState()).toBe(RUNNING_P2P);
    expect(tenant.process.files.open).toEqual([tenant.fd]);
  });

  it('two at once take the state mutex one after the other', () => {
    const tenant = tenantIn(1, RUNNING);
    const { process, scheduler } = tenant;
    const arguments_ = [u32(16, SET_STATE, STOP_COPY, 0), u32(16, SET_STATE, RESUMING, 0)];
    for (const [i, bytes] of arguments_.entries()) {
      tenant.memory.write(tenant.page + i * 64, bytes);
      const call = process.ioctlCall(tenant.fd, VFIO.DEVICE_FEATURE, tenant.page + i * 64);
      if (typeof call !== 'number') scheduler.spawn(`set ${i}`, call);
    }
    scheduler.settle();
    expect(tenant.driver.arcs).toEqual(['RUNNING>STOP', 'STOP>STOP_COPY', 'STOP_COPY>STOP', 'STOP>RESUMING']);
    expect([tenant.s32(12), tenant.s32(64 + 12)]).toEqual([tenant.fd + 1, tenant.fd + 2]);
  });
});

// covers: MG05
it('GET of MIG_DEVICE_STATE gives the state and no descriptor, also while a session runs', () => {
  for (const [state, target] of [
    [RUNNING, RUNNING],
    [RUNNING, PRE_COPY],
    [STOP, RESUMING],
    [ERROR, ERROR],
  ] as const) {
    const tenant = tenantIn(7, state);
    tenant.setState(target);
    expect(tenant.feature(FEATURE.MIG_DEVICE_STATE | GET, u32(0xff, 0x1234))).toBe(0);
    expect([tenant.u32(8), tenant.s32(12)]).toEqual([target, -1]);
  }
  const tenant = tenantIn(7, RUNNING);
  const locked = tenant.lockedPage(u32(16, FEATURE.MIG_DEVICE_STATE | GET, 0, 0));
  expect(tenant.process.ioctl(tenant.fd, VFIO.DEVICE_FEATURE, locked)).toBe(-EFAULT);
});

describe('a data fd', () => {
  // covers: MG04
  it('is a stream with one side', () => {
    for (const [state, side] of [
      [STOP_COPY, 'read'],
      [RESUMING, 'write'],
    ] as const) {
      const tenant = tenantIn(1, STOP);
      const { fd } = tenant.setState(state);
      const { process, page } = tenant;
      expect(process.pread(fd, page, 4, 0)).toBe(-ERRNO.ESPIPE);
      expect(process.pwrite(fd, page, 4, 0)).toBe(-ERRNO.ESPIPE);
      expect(process.read(fd, page, 4)).toBe(side === 'read' ? 0 : -ERRNO.EBADF);
      expect(process.write(fd, page, 4)).toBe(side === 'write' ? 4 : -ERRNO.EBADF);
      expect(process.ioctl(fd, VFIO.DEVICE_RESET, 0)).toBe(-ERRNO.ENOTTY);
      expect(process.mmap(fd, 0, 4096, { read: true, write: false, shared: true })).toBe(-ENODEV);
      expect(process.poll(fd)).toBe(5);
      expect(process.file(fd)?.file.name).toBe('anon_inode:fake_mig');
    }
  });

  // covers: MG04
  it('answers ENODEV once its session has ended, and outlives the device fd', () => {
    const tenant = tenantIn(1, STOP);
    const { process, page } = tenant;
    const save = tenant.setState(STOP_COPY).fd;
    tenant.setState(STOP);
    const resume = tenant.setState(RESUMING).fd;
    expect(process.read(save, page, 4)).toBe(-ENODEV);
    expect(process.write(resume, page, 4)).toBe(4);
    tenant.setState(RUNNING);
    process.close(tenant.fd);
    expect(process.write(resume, page, 4)).toBe(-ENODEV);
    expect(tenant.driver.released).toBe(0);
    process.close(save);
    process.close(resume);
    expect(tenant.driver.released).toBe(2);
  });

  it('closed by the user leaves state and session alone', () => {
    const tenant = tenantIn(7, RUNNING);
    const { fd } = tenant.setState(PRE_COPY);
    tenant.process.close(fd);
    expect(tenant.getState()).toBe(PRE_COPY);
    expect(tenant.driver.session).toBeDefined();
    expect(tenant.setState(STOP_COPY)).toEqual({ ret: 0, echoed: STOP_COPY, fd: -1 });
  });
});
