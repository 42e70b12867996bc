import { expect, test } from 'vitest';
import { recorded } from '../sim/machines/recorded.ts';
import type { OpenFlags } from '../src/kernel/path-lookup.ts';
import { Machine } from '../src/machine/machine.ts';
import { ERRNO } from '../src/uapi/errno.ts';

const FOLDER = '/sys/module/vfio_pci/parameters';
const NUMVFS = '/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs';

/** A root shell on the recorded machine. */
function shell(): { echo(text: string, path: string): number; cat(path: string): string } {
  const root = new Machine(recorded).process('root');
  const page = root.memory.allocate(4096);
  const withFile = (path: string, how: OpenFlags, use: (fd: number) => number): number => {
    const fd = root.open(path, how);
    if (fd < 0) return fd;
    const result = use(fd);
    root.close(fd);
    return result;
  };
  return {
    echo(text, path) {
      root.memory.write(page, Buffer.from(text));
      return withFile(path, { read: false, write: true, nonblock: false }, (fd) => root.write(fd, page, text.length));
    },
    cat(path) {
      const length = withFile(path, { read: true, write: false, nonblock: false }, (fd) => root.read(fd, page, 4096));
      return Buffer.from(root.memory.read(page, length)!).toString();
    },
  };
}

// covers: DB06 SR01
test('enable_sriov of vfio-pci can be switched while the driver is bound', () => {
  const { echo, cat } = shell();
  echo('vfio-pci', '/sys/bus/pci/devices/0000:01:00.0/driver_override');
  echo('0000:01:00.0', '/sys/bus/pci/devices/0000:01:00.0/driver/unbind');
  echo('0000:01:00.0', '/sys/bus/pci/drivers_probe');
  expect(echo('off', `${FOLDER}/enable_sriov`)).toBe(3);
  expect(cat(`${FOLDER}/enable_sriov`)).toBe('N\n');
  expect(echo('1', NUMVFS)).toBe(-ERRNO.ENOENT);
  expect(echo('maybe', `${FOLDER}/enable_sriov`)).toBe(-ERRNO.EINVAL);
  expect(echo('y', `${FOLDER}/enable_sriov`)).toBe(1);
  expect(echo('1', NUMVFS)).toBe(1);
  expect(cat(NUMVFS)).toBe('1\n');
});

test('parameters that are fixed at load cannot be written', () => {
  expect(shell().echo('1', `${FOLDER}/disable_denylist`)).toBe(-ERRNO.EACCES);
});

test('parameters of the VFIO core and of type1 are there, and take effect', () => {
  const { echo, cat } = shell();
  const type1 = '/sys/module/vfio_iommu_type1/parameters';
  expect([cat('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'), cat(`${type1}/dma_entry_limit`)]).toEqual([
    'N\n',
    '65535\n',
  ]);
  expect(echo('0x10\n', `${type1}/dma_entry_limit`)).toBe(5);
  expect(cat(`${type1}/dma_entry_limit`)).toBe('16\n');
  expect(echo('0x100000000', `${type1}/dma_entry_limit`)).toBe(-ERRNO.ERANGE);
  expect(echo('many', `${type1}/dma_entry_limit`)).toBe(-ERRNO.EINVAL);
  expect(echo('Yes', `${type1}/allow_unsafe_interrupts`)).toBe(3);
  expect(cat(`${type1}/allow_unsafe_interrupts`)).toBe('Y\n');
});
