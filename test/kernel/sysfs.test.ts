import { describe, expect, test } from 'vitest';
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { driver, E, Rig } from './rig.ts';

const PF = '01:00.0';

test('a device’s directory lists what can be read and written there', () => {
  const { root } = new Rig();
  const names = root.readdir('/sys/bus/pci/devices/0000:01:00.0') as string[];
  for (const name of ['vendor', 'device', 'class', 'config', 'resource', 'driver_override', 'iommu_group', 'reset'])
    expect(names).toContain(name);
  expect(names).not.toContain('driver');
  expect(names).not.toContain('physfn');
  expect(root.readdir('/sys/bus/pci/devices')).toEqual(['0000:01:00.0']);
});

test('attributes show what the function is', () => {
  const rig = new Rig();
  expect(['vendor', 'device', 'class', 'sriov_totalvfs'].map((name) => rig.cat(rig.sys(PF, name)))).toEqual([
    '0x1234\n',
    '0x00f0\n',
    '0x020000\n',
    '4\n',
  ]);
});

test('resource has a line for each BAR with its flags', () => {
  const rig = new Rig();
  const lines = (rig.cat(rig.sys(PF, 'resource')) as string).split('\n');
  expect(lines).toHaveLength(8);
  const [start, end, flags] = lines[0]!.split(' ').map(Number);
  expect([end! - start! + 1, flags]).toEqual([0x4000, 0x40200]);
  expect(Number(lines[1]!.split(' ')[2])).toBe(0x40101);
  expect(Number(lines[2]!.split(' ')[2])).toBe(0x14220c);
  expect(lines[3]).toBe('0x0000000000000000 0x0000000000000000 0x0000000000000000');
});

describe('links', () => {
  test('device, group and driver point at each other', () => {
    const rig = new Rig();
    rig.load(driver('d', [], { ids: [{ vendor: 0x1234, device: 0x00f0 }] }));
    expect(rig.root.readlink(rig.sys(PF, 'driver'))).toBe('/sys/bus/pci/drivers/d');
    expect(rig.root.readlink(rig.sys(PF, 'iommu_group'))).toBe('/sys/kernel/iommu_groups/1');
    expect(rig.root.readlink('/sys/kernel/iommu_groups/1/devices/0000:01:00.0')).toBe(rig.sys(PF));
    expect(rig.root.readlink('/sys/bus/pci/drivers/d/0000:01:00.0')).toBe(rig.sys(PF));
    expect(rig.root.readdir('/sys/bus/pci/drivers/d')).toEqual([
      '0000:01:00.0',
      'bind',
      'new_id',
      'remove_id',
      'unbind',
    ]);
  });

  test('a path may go through links', () => {
    const rig = new Rig();
    expect(rig.cat(`${rig.sys(PF)}/iommu_group/devices/0000:01:00.0/vendor`)).toBe('0x1234\n');
    expect(rig.cat(`${rig.sys(PF)}/iommu_group/reserved_regions`)).toBe('0x00000000fee00000 0x00000000feefffff msi\n');
  });

  test('only links can be read as such', () => {
    const { root } = new Rig();
    expect(root.readlink('/sys/bus/pci/devices/0000:01:00.0/vendor')).toBe(E.EINVAL);
    expect(root.readlink('/sys/bus/pci/devices/0000:01:00.0/nothing')).toBe(E.ENOENT);
    expect(root.readdir('/sys/bus/pci/devices/0000:01:00.0/vendor')).toBe(E.ENOTDIR);
  });
});

describe('errnos', () => {
  test('what is not there, a directory, and a name below a file', () => {
    const rig = new Rig();
    expect(rig.cat(rig.sys(PF, 'nothing'))).toBe(E.ENOENT);
    expect(rig.cat(rig.sys('05:00.0', 'vendor'))).toBe(E.ENOENT);
    expect(rig.cat(rig.sys(PF))).toBe(E.EISDIR);
    expect(rig.cat(rig.sys(PF, 'vendor/x'))).toBe(E.ENOENT);
    expect(rig.cat(rig.sys(PF, 'constructor'))).toBe(E.ENOENT);
  });

  test('an attribute without a store cannot be opened for writing', () => {
    const rig = new Rig();
    expect(rig.echo(rig.sys(PF, 'vendor'), '1')).toBe(E.EACCES);
  });

  test('memory that cannot be reached is EFAULT', () => {
    const { root } = new Rig();
    const fd = root.open('/sys/bus/pci/devices/0000:01:00.0/driver_override');
    expect(root.write(fd, 0x10, 3)).toBe(E.EFAULT);
    expect(root.read(fd, 0x10, 3)).toBe(E.EFAULT);
  });
});

describe('the config file', () => {
  test('is the function’s configuration space, with its read-only bits', () => {
    const rig = new Rig();
    const { root } = rig;
    const fd = root.open(rig.sys(PF, 'config'));
    const page = root.memory.allocate(8192);
    expect(root.pread(fd, page, 8192, 0)).toBe(4096);
    expect(root.memory.read(page, 4)).toEqual(Uint8Array.of(0x34, 0x12, 0xf0, 0));
    root.memory.write(page, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x04, 0x00));
    expect(root.pwrite(fd, page, 6, 0)).toBe(6);
    expect(rig.device(PF).readConfig(PCI.VENDOR_ID, 4)).toBe(0x00f0_1234);
    expect(rig.device(PF).readConfig(PCI.COMMAND, 2)).toBe(COMMAND.MASTER);
    expect(root.pread(fd, page, 16, 4096)).toBe(0);
    expect(root.pwrite(fd, page, 16, 4096)).toBe(0);
  });

  test('an odd write is cut at natural borders, and no neighbour is touched', () => {
    const rig = new Rig();
    const { root } = rig;
    const fd = root.open(rig.sys(PF, 'config'));
    const page = root.memory.allocate(4096);
    rig.device(PF).function.config.set(PCI.STATUS, 2, 0xf910);
    root.memory.write(page, new Uint8Array(8).fill(0xff));
    // The byte before and the byte behind STATUS, which ones would clear.
    root.pwrite(fd, page, 1, PCI.COMMAND + 1);
    root.pwrite(fd, page, 1, PCI.STATUS + 2);
    expect(rig.device(PF).readConfig(PCI.STATUS, 2)).toBe(0xf910);
    root.pwrite(fd, page, 3, PCI.COMMAND + 1);
    expect(rig.device(PF).readConfig(PCI.STATUS, 2)).toBe(0x0010);
  });
});
