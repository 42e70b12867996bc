/** What a driver of an emulated device gets of the user's memory, through an iommufd and through a container. */
import { describe, expect, test } from 'vitest';
import { bareMachine } from '../../sim/machines/bare.ts';
import { IommufdClient } from '../../src/client/iommufd.ts';
import { type Pinner, pinners } from '../../src/lab/bench/pinner.ts';
import { Machine } from '../../src/machine/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { vfio_pin_pages } from '../../src/vfio/pages.ts';

const { EINVAL, ENOENT, EPERM } = ERRNO;
const PAGE = 4096;

function bound() {
  const machine = new Machine(bareMachine, { modules: [pinners(['pinner'])] });
  const process = machine.process('user');
  const iommu = new IommufdClient(process);
  const device = machine.vfio.deviceNamed('pinner')!;
  const opened = iommu.open(`vfio${device.index}`);
  if (typeof opened === 'number') throw new Error(`no device: ${opened}`);
  const ioas = iommu.allocIoas();
  iommu.attach(opened.device.fd, ioas);
  const memory = process.memory.allocate(8 * PAGE);
  return { machine, process, iommu, ioas, memory, device, fd: opened.device.fd, pinner: device.data as Pinner };
}

describe('an emulated device in an iommufd', () => {
  test('is given the pages that are mapped, one by one', () => {
    const { process, iommu, ioas, memory, pinner } = bound();
    iommu.map(ioas, memory, 4 * PAGE, 0x10_0000);
    expect(pinner.pin(0x10_1000n, 2, true)).toBe(0);
    const pages = [1, 2].map((page) => process.memory.pin(memory + page * PAGE, PAGE, true)![0]!.physical);
    expect(pinner.pins[0]!.pages).toEqual(pages);
    expect(process.pinnedPages).toBe(2);
    pinner.unpin(0);
    expect(process.pinnedPages).toBe(0);
  });

  test('gets nothing where nothing is mapped, or not for that', () => {
    const { iommu, ioas, memory, pinner } = bound();
    expect(pinner.pin(0n, 1, false)).toBe(-ENOENT);
    iommu.map(ioas, memory, PAGE, 0, 4);
    expect(pinner.pin(0n, 1, true)).toBe(-EPERM);
    expect(pinner.pin(0n, 0, false), 'no page').toBe(-EINVAL);
  });

  test('is asked for its pages before a mapping goes', () => {
    const { process, iommu, ioas, memory, pinner } = bound();
    iommu.map(ioas, memory, PAGE, 0);
    pinner.pin(0n, 1, false);
    expect(iommu.unmap(ioas, 0, PAGE)).toBe(PAGE);
    expect([pinner.pins.length, process.pinnedPages]).toEqual([0, 0]);
  });

  test('copies to and from memory', () => {
    const { process, iommu, ioas, memory, pinner } = bound();
    iommu.map(ioas, memory, 2 * PAGE, 0);
    expect(pinner.copy(process, 4090n, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), true)).toBe(0);
    expect([...process.memory.read(memory + 4090, 8)!]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const back = new Uint8Array(8);
    expect(pinner.copy(process, 4090n, back, false)).toBe(0);
    expect([...back]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('that is closed gets nothing', () => {
    const { process, device, fd } = bound();
    process.close(fd);
    expect(vfio_pin_pages(device, 0n, 1, false)).toBe(-EINVAL);
  });
});
