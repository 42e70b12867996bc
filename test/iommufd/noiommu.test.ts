import { describe, expect, test } from 'vitest';
import { Context } from '../../src/iommufd/context.ts';
import { IommufdFile } from '../../src/iommufd/file.ts';
import type { Capability } from '../../src/kernel/process.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { ROOT, TestMachine, u32 } from '../vfio/container-machine.ts';
import { type Fields, PLAIN, Rig, User } from './rig.ts';

/** A device that no IOMMU translates for, and the processes of a machine that lets users have it. */
function rigged(capabilities: readonly Capability[] = ROOT) {
  const machine = new TestMachine();
  machine.devfs.register(
    '/dev/iommu',
    () => new IommufdFile('/dev/iommu', new Context({ iommufdAllowUnsafeInterrupts: false }, 'user')),
  );
  machine.untranslated('raw');
  const { process } = machine.user('user', capabilities);
  const user = new User(process);
  const page = user.allocate(0x1000);
  const device = process.open('/dev/vfio/devices/noiommu-vfio0');
  const call = (command: number, ...words: number[]): number => {
    process.memory.write(page, u32(...words));
    return process.ioctl(device, command, page);
  };
  const word = (offset: number): number => Number(user.u64(page + offset) & 0xffff_ffffn);
  const bind = (): number => {
    const error = call(VFIO.DEVICE_BIND_IOMMUFD, 16, 0, user.fd, 0);
    return error < 0 ? error : word(12);
  };
  const attach = (id: number): number => {
    const error = call(VFIO.DEVICE_ATTACH_IOMMUFD_PT, 12, 0, id);
    return error < 0 ? error : word(8);
  };
  const ask = (fields: Fields): number => user.call('IOAS_NOIOMMU_GET_PA', { length: 0x1000, ...fields });
  return { machine, user, device, bind, attach, ask, call };
}

/** A device that is bound and attached, with 16 KiB mapped where its IOAS has 64 KiB of address space. */
function attached() {
  const rig = rigged();
  const { user, bind, attach } = rig;
  const id = bind();
  const ioas = user.ioas();
  const memory = user.allocate(0x4000);
  const hwpt = attach(ioas);
  user.map(ioas, 0x1_0000, memory, 0x4000);
  return { ...rig, id, ioas, memory, hwpt };
}

describe('a device without an IOMMU', () => {
  // covers: IF33
  test('has a character device of its own name, for those who may use it', () => {
    expect(rigged().device).toBeGreaterThan(0);
    expect(rigged(['CAP_SYS_ADMIN']).device).toBe(-ERRNO.EPERM);
  });

  // covers: IF33
  test('is bound and attached as others are, and its IOAS has no reserved ranges', () => {
    const { user, id, hwpt, ioas } = attached();
    expect([id, hwpt]).toEqual([1, 3]);
    expect(user.map(ioas, 0xfee0_0000, user.allocate(0x1000), 0x1000)).toBe(0);
    const ranges = user.allocate(0x1000);
    expect(user.call('IOAS_IOVA_RANGES', { ioas_id: ioas, num_iovas: 4, allowed_iovas: ranges })).toBe(0);
    expect([user.out('num_iovas'), user.u64(ranges), user.u64(ranges + 8)]).toEqual([1, 0n, 2n ** 64n - 1n]);
  });

  // covers: IF33
  test('has no IOMMU to describe, and no page tables but plain ones', () => {
    const { user, id, ioas } = attached();
    expect(user.call('GET_HW_INFO', { dev_id: id })).toBe(-ERRNO.EOPNOTSUPP);
    expect(user.call('HWPT_ALLOC', { dev_id: id, pt_id: ioas })).toBe(0);
    for (const flags of [1, 2, 4, 8])
      expect(user.call('HWPT_ALLOC', { dev_id: id, pt_id: ioas, flags })).toBe(-ERRNO.EOPNOTSUPP);
  });
});

describe('NOIOMMU_GET_PA', () => {
  // covers: IF33
  test('tells where the memory lies, and how much of it is in one piece', () => {
    const { machine, user, ioas, memory, ask } = attached();
    expect(ask({ ioas_id: ioas, iova: 0x1_1234, length: 0x10_0000 })).toBe(0);
    expect(user.out('length')).toBe(0x4000 - 0x1234);
    user.process.memory.write(memory + 0x1234, Uint8Array.of(1, 2, 3));
    const bytes = new Uint8Array(3);
    machine.memory.read(user.out('out_phys'), bytes);
    expect([...bytes]).toEqual([1, 2, 3]);
    expect([ask({ ioas_id: ioas, iova: 0x1_0000, length: 0x100 }), user.out('length')]).toEqual([0, 0x100]);
  });

  // covers: IF33
  test('is exact at addresses that no IOMMU has', () => {
    const { user, ioas, memory, ask } = attached();
    user.map(ioas, 2n ** 63n, memory, 0x1000);
    user.map(ioas, 2n ** 63n + 0x1000n, user.allocate(0x1000), 0x1000);
    ask({ ioas_id: ioas, iova: 0x1_0000 });
    const physical = user.out('out_phys');
    expect(ask({ ioas_id: ioas, iova: 2n ** 63n + 0xfffn })).toBe(0);
    expect([user.out('out_phys'), user.out('length')]).toEqual([physical + 0xfff, 1]);
  });

  // covers: IF33
  test.each([
    ['flags', { flags: 1 }, ERRNO.EOPNOTSUPP],
    ['__reserved', { __reserved: 1 }, ERRNO.EOPNOTSUPP],
    ['a length of nothing', { length: 0 }, ERRNO.EINVAL],
    ['the last address there is', { iova: 2n ** 64n - 1n }, ERRNO.EOVERFLOW],
    ['an IOAS there is not', { ioas_id: 99 }, ERRNO.ENOENT],
    ['what is not mapped', { iova: 0x1_4000 }, ERRNO.ENOENT],
  ])('refuses %s', (_, fields, errno) => {
    const { ioas, ask } = attached();
    expect(ask({ ioas_id: ioas, iova: 0x1_0000, ...fields })).toBe(-errno);
  });

  // covers: IF33
  test('is EPERM for those who may not have such a device, and EOPNOTSUPP where an IOMMU translates', () => {
    const { user, ioas, ask } = attached();
    user.process.capabilities.delete('CAP_SYS_RAWIO');
    expect(ask({ ioas_id: ioas, iova: 0x1_0000, flags: 1 })).toBe(-ERRNO.EPERM);
    const rig = new Rig();
    const translated = rig.ioas();
    rig.map(translated, 0x1_0000, rig.allocate(0x1000), 0x1000);
    rig.device(PLAIN).attach(translated);
    const fields = { ioas_id: translated, iova: 0x1_0000, length: 0x1000 };
    expect(rig.call('IOAS_NOIOMMU_GET_PA', fields)).toBe(-ERRNO.EOPNOTSUPP);
  });
});
