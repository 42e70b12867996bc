/** execve, descriptors that are sent, and memory that is replaced: what happens to pages that somebody holds. */
import { describe, expect, test } from 'vitest';
import { bareMachine } from '../../sim/machines/bare.ts';
import { IommufdClient } from '../../src/client/iommufd.ts';
import { type Pinner, pinners } from '../../src/lab/bench/pinner.ts';
import { Machine } from '../../src/machine/machine.ts';
import { ERRNO } from '../../src/uapi/errno.ts';

const PAGE = 4096;
const start = () => {
  const machine = new Machine(bareMachine, { modules: [pinners(['pinner'])] });
  return { machine, process: machine.process('user') };
};

describe('a process that executes another program', () => {
  test('has an empty address space and its descriptors', () => {
    const { process } = start();
    const fd = process.memfd(PAGE);
    const memory = process.memory.allocate(PAGE);
    process.exec();
    expect(process.memory.read(memory, 1)).toBeUndefined();
    expect(process.close(fd)).toBe(0);
  });

  test('gets the same addresses by the same calls', () => {
    const { process } = start();
    const lengths = [PAGE, 3 * PAGE];
    const before = lengths.map((length) => process.memory.allocate(length));
    process.exec();
    expect(lengths.map((length) => process.memory.allocate(length))).toEqual(before);
  });

  test('leaves what is pinned to those who hold it, and to be paid for where it was pinned', () => {
    const { machine, process } = start();
    const iommu = new IommufdClient(process);
    const device = machine.vfio.deviceNamed('pinner')!;
    const opened = iommu.open(`vfio${device.index}`);
    if (typeof opened === 'number') throw new Error(`no device: ${opened}`);
    const ioas = iommu.allocIoas();
    iommu.attach(opened.device.fd, ioas);
    const memory = process.memory.allocate(PAGE);
    iommu.map(ioas, memory, PAGE, 0);
    const pinner = device.data as Pinner;
    pinner.pin(0n, 1, true);
    const old = process.memory;
    process.exec();
    expect([old.pinnedPages, process.pinnedPages]).toEqual([1, 0]);
    expect(machine.hardware.memory.owner(pinner.pins[0]!.pages[0]!)).toBe('user');
    pinner.unpin(0);
    expect([old.pinnedPages, process.pinnedPages]).toEqual([0, 0]);
  });
});

describe('a descriptor that is sent', () => {
  test('is the same open file, and closed by the last of its owners', () => {
    const { machine, process } = start();
    const other = machine.process('other');
    const fd = process.memfd(PAGE);
    const copy = process.send(fd, other);
    expect(other.file(copy)!.file).toBe(process.file(fd)!.file);
    process.close(fd);
    expect(other.close(copy)).toBe(0);
    expect(process.send(fd, other)).toBe(-ERRNO.EBADF);
  });
});

describe('neighbouring mappings', () => {
  test('are memory without a gap, of pages that are not', () => {
    const { memory } = start().process;
    const address = memory.allocateRow([PAGE, 2 * PAGE]);
    expect(memory.write(address + PAGE - 1, Uint8Array.of(1, 2))).toBe(true);
    expect(memory.pin(address, 3 * PAGE, true)).toHaveLength(2);
  });

  test('can be replaced one by one: other pages are there, and cleared', () => {
    const { memory } = start().process;
    const address = memory.allocateRow([PAGE, PAGE]);
    memory.write(address, Uint8Array.of(7));
    const before = memory.pin(address, PAGE, true)![0]!.physical;
    expect(memory.replace(address)).toBe(true);
    expect(memory.pin(address, PAGE, true)![0]!.physical).not.toBe(before);
    expect([...memory.read(address, 1)!]).toEqual([0]);
    expect(memory.replace(address + 100)).toBe(false);
  });
});
