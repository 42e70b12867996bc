import { describe, expect, it } from 'vitest';
import { vfio_pci_core_get_iomap, vfio_pci_core_ioread, vfio_pci_core_iowrite } from '../../src/pci-core/index.ts';
import { type Access, Bench, DOORBELL, E, region } from './bench.ts';

/** What reached the device, as `width@offset`. */
const shape = (accesses: readonly Access[]): string => accesses.map(([, , at, width]) => `${width}@${at}`).join(' ');

describe('read and write of BARs', () => {
  // The device model takes 64 bits as two halves.
  // covers: RW01
  it.each([
    [3, 9, '1@3 4@4 4@8'],
    [0, 15, '4@0 4@4 4@8 2@12 1@14'],
    [6, 4, '2@6 2@8'],
    [4, 8, '4@4 4@8'],
    [7, 1, '1@7'],
  ])('split (%i, %i) at natural alignment', (offset, count, expected) => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.read(region(0, offset), count);
    expect(shape(bench.accesses())).toBe(expected);
    device.write(region(0, offset), '00'.repeat(count));
    expect(shape(bench.accesses())).toBe(expected);
  });

  // covers: RW05
  it('keep the MSI-X table from the user', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    expect(device.read(region(0, 0x1ff8), 16)).toBe(`${'00'.repeat(8)}${'ff'.repeat(8)}`);
    expect(shape(bench.accesses())).toBe(`4@${0x1ff8} 4@${0x1ffc}`);
    expect(device.read(region(0, 0x207c), 8)).toBe('ffffffff00000000');
    expect(shape(bench.accesses())).toBe(`4@${0x2080}`);
    const table = Buffer.from(device.core.pdev.function.msix!.bytes);
    expect(device.write(region(0, 0x2000), '00'.repeat(16))).toBe(16);
    expect(Buffer.from(device.core.pdev.function.msix!.bytes)).toEqual(table);
  });

  // covers: RW06
  it('show the pending bits, which lie behind the table', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    device.setConfig(4, 2, 6);
    expect(device.setIrqs(0x24, 2, 0, 4, [-1, -1, -1, -1])).toBe(0);
    // Nobody listens, so the entries are masked and the messages wait.
    for (const vector of ['01000000', '03000000']) device.write(region(0, DOORBELL.MESSAGE), vector);
    expect(device.read(region(0, 0x3000), 8)).toBe('0a00000000000000');
    device.write(region(0, 0x3000), 'ffffffff');
    expect(device.read(region(0, 0x3000), 4)).toBe('0a000000');
  });

  // covers: RW10
  it('hide behind an error what was done before it', () => {
    const bench = new Bench();
    const device = bench.open('0000:01:00.0');
    const { user } = bench;
    const end = user.memory.allocate(0x1000) + 0x1000;
    user.memory.write(end - 4, Uint8Array.of(1, 2, 3, 4));
    expect(user.pwrite(device.fd, end - 4, 8, region(0, 0x14))).toBe(E.EFAULT);
    expect(shape(bench.accesses())).toBe('4@20');
    expect(device.read(region(0, 0x14), 4)).toBe('01020304');
    bench.accesses();
    expect(user.pread(device.fd, end - 4, 8, region(0, 0x14))).toBe(E.EFAULT);
    expect(Buffer.from(user.memory.read(end - 4, 4)!).toString('hex')).toBe('01020304');
    expect(shape(bench.accesses())).toBe('4@20 4@24');
  });

  // covers: RW03 RW05
  it('answer for the MSI-X table with memory disabled too', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(4, 2, 0);
    expect(device.read(region(0, 0x2000), 8)).toBe('ff'.repeat(8));
    expect(device.write(region(0, 0x2000), '00'.repeat(8))).toBe(8);
    expect(device.read(region(0, 0x1ff8), 16)).toBe(E.EIO);
  });

  // covers: RW02 FD08
  it('are short at the end, and invalid beyond it', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.read(region(0, 0x3ffc), 8)).toBe('00000000');
    expect(device.read(region(0, 0x4000), 4)).toBe(E.EINVAL);
    expect(device.write(region(0, 0x4000), '00')).toBe(E.EINVAL);
    expect(device.read(region(3), 4)).toBe(E.EINVAL);
    expect(device.read(region(9), 4)).toBe(E.EINVAL);
    expect(device.read(region(8), 4)).toBe(E.EINVAL);
  });

  // covers: RW04
  it('of I/O ports do not ask whether memory is enabled', () => {
    const device = new Bench().open('0000:01:00.0');
    device.setConfig(4, 2, 1);
    expect(device.read(region(1), 4)).toBe('00000000');
    expect(device.read(region(0), 4)).toBe(E.EIO);
  });

  // covers: RW12
  it('fault after the side effect of a read, before that of a write', () => {
    const bench = new Bench();
    const { fd } = bench.open('0000:01:00.0');
    expect(bench.user.pread(fd, 0x10, 4, region(0))).toBe(E.EFAULT);
    expect(shape(bench.accesses())).toBe('4@0');
    expect(bench.user.pwrite(fd, 0x10, 4, region(0))).toBe(E.EFAULT);
    expect(bench.accesses()).toEqual([]);
  });

  // covers: RW07 RW08
  it('of a ROM are read-only, need decode, and have no wider access than four bytes', () => {
    const device = new Bench().open('0000:01:00.0');
    expect(device.write(region(6), '00')).toBe(E.EINVAL);
    expect(device.read(region(6), 2)).toBe('55aa');
    expect(device.read(region(6, 0x1fe), 4)).toBe('0000ffff');
    device.setConfig(4, 2, 0);
    expect(device.read(region(6), 2)).toBe(E.ENOMEM);
  });
});

describe('a driver reaches device memory', () => {
  // covers: RW03
  it('by one access, which is EIO while the user has memory disabled, unless it says that ports do not care', () => {
    const device = new Bench().open('0000:01:00.0');
    const { core } = device;
    const bar = vfio_pci_core_get_iomap(core, 0);
    if (typeof bar === 'number') throw new Error('mapped');
    expect(vfio_pci_core_iowrite(core, true, bar, 0x10, 2, 0x1234)).toBe(0);
    expect(vfio_pci_core_ioread(core, true, bar, 0x10, 4)).toBe(0x1234);
    device.setConfig(4, 2, 0);
    expect(vfio_pci_core_iowrite(core, true, bar, 0x10, 2, 0)).toBe(E.EIO);
    expect(vfio_pci_core_ioread(core, true, bar, 0x10, 4)).toBe(E.EIO);
    expect(vfio_pci_core_ioread(core, false, bar, 0x10, 4)).toBe(0xffff_ffff);
  });

  it('through BARs that there are: ENODEV for one the function lacks, EINVAL for what is no BAR', () => {
    const { core } = new Bench().open('0000:01:00.0');
    expect([3, -1, 6, 7].map((bar) => vfio_pci_core_get_iomap(core, bar))).toEqual([
      E.ENODEV,
      E.EINVAL,
      E.EINVAL,
      E.EINVAL,
    ]);
    expect(vfio_pci_core_get_iomap(core, 5)).toMatchObject({ read: expect.anything() });
  });

  // covers: RW05
  it('and a fault in the bytes that are left out is EFAULT for a read, and nothing for a write', () => {
    const { bench, fd } = new Bench().open('0000:01:00.0');
    expect(bench.user.pread(fd, 0x10, 16, region(0, 0x2000))).toBe(E.EFAULT);
    expect(bench.user.pwrite(fd, 0x10, 16, region(0, 0x2000))).toBe(16);
    expect(bench.accesses()).toEqual([]);
  });
});
