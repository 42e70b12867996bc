import { describe, expect, test } from 'vitest';
import type { DmaBuf } from '../../src/pci-core/dma-buf.ts';
import { FEATURE, FEATURE_FLAG } from '../../src/uapi/vfio.ts';
import { type Device, E, PAGE, Rig } from './ioas-rig.ts';

const ENABLE = 6;

/** VFIO_DEVICE_FEATURE_DMA_BUF: ranges of BAR 0, as offset and length. */
function exported(device: Device, ...ranges: readonly (readonly [number, number])[]): number {
  return device.client.feature(FEATURE.DMA_BUF | FEATURE_FLAG.GET, 16 + 16 * ranges.length, (view, at) => {
    view.setUint32(at + 12, ranges.length, true);
    for (const [i, [offset, length]] of ranges.entries()) {
      view.setUint32(at + 16 + 16 * i, offset, true);
      view.setUint32(at + 24 + 16 * i, length, true);
    }
  });
}

/** Device 0 is attached; the second page of BAR 0 of device 1, which begins with 7, is exported. */
function peers() {
  const made = new Rig().attached();
  const exporter = made.program.device(1);
  exporter.client.write(0, PAGE, 1, 7);
  return { ...made, exporter, fd: exported(exporter, [PAGE, PAGE]) };
}

/** Ways in which an exporter takes its memory away. */
const REVOCATIONS: readonly (readonly [string, (exporter: Device) => number])[] = [
  ['memory is switched off', ({ client }) => client.write(7, 4, 2, 4)],
  ['the device is reset', ({ client }) => client.reset()],
  ['the device is closed', ({ client }) => client.close()],
];

describe('a dma-buf of one BAR range', () => {
  // covers: IF09 DB03
  test('lets another device into the BAR, and nowhere beside', () => {
    const { iommu, ioas, device, exporter, fd } = peers();
    expect(iommu.mapFile(ioas, fd, 0, PAGE, 0x10000)).toBe(0x10000);
    expect(device.read(0x10000)).toBe(7);
    expect(device.write(0x10004, 9)).toBe(true);
    expect(exporter.client.read(0, PAGE + 4, 1)).toBe(9);
    expect([device.read(0xffff), device.read(0x11000)]).toEqual([undefined, undefined]);
    expect(iommu.unmap(ioas, 0x10000, PAGE)).toBe(PAGE);
    expect(device.read(0x10000)).toBeUndefined();
  });

  // covers: DB03
  test('can be mapped in part', () => {
    const { iommu, ioas, device, exporter } = peers();
    exporter.client.write(0, 3 * PAGE, 1, 5);
    expect(iommu.mapFile(ioas, exported(exporter, [PAGE, 3 * PAGE]), 2 * PAGE, PAGE, 0x10000)).toBe(0x10000);
    expect([device.read(0x10000), device.read(0x11000)]).toEqual([5, undefined]);
  });

  // covers: DB03 IF31
  test('costs no locked memory', () => {
    const { program, iommu, ioas, fd } = peers();
    iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
    expect(program.process.pinnedPages).toBe(0);
  });

  // covers: DB03
  test('must be one, as long as asked for, and not revoked', () => {
    const { iommu, ioas, exporter, fd } = peers();
    const two = exported(exporter, [0, PAGE], [2 * PAGE, PAGE]);
    expect(iommu.mapFile(ioas, fd, 0, 2 * PAGE, 0x10000)).toBe(E.EINVAL);
    expect(iommu.mapFile(ioas, fd, PAGE, PAGE, 0x10000)).toBe(E.EINVAL);
    expect(iommu.mapFile(ioas, two, 0, 2 * PAGE, 0x10000)).toBe(E.EOPNOTSUPP);
    expect(iommu.mapFile(ioas, two, 0, 3 * PAGE, 0x10000)).toBe(E.EINVAL);
    exporter.client.write(7, 4, 2, 4);
    expect(iommu.mapFile(ioas, fd, 0, 2 * PAGE, 0x10000)).toBe(E.EINVAL);
    expect([fd, two].map((buffer) => iommu.mapFile(ioas, buffer, 0, PAGE, 0x10000))).toEqual([E.ENODEV, E.ENODEV]);
    expect(iommu.unmapAll(ioas)).toBe(0);
  });

  // covers: DB03
  test('is held open by its mapping, and let go with it', () => {
    const { program, iommu, ioas, device, fd } = peers();
    const buffer = program.process.file(fd)!.file as DmaBuf;
    iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
    iommu.copy(ioas, ioas, 0x10000, PAGE, 0x20000);
    program.process.close(fd);
    expect([device.read(0x10000), buffer.importers]).toEqual([7, 1]);
    iommu.unmap(ioas, 0x10000, PAGE);
    expect([device.read(0x20000), buffer.importers]).toEqual([7, 1]);
    iommu.unmapAll(ioas);
    expect(buffer.importers).toBe(0);
  });

  // covers: DB03
  test('that could not be placed is not kept', () => {
    const { program, iommu, ioas, fd } = peers();
    const reference = program.process.file(fd)!;
    expect(iommu.mapFile(ioas, fd, 0, PAGE, 0xfee0_0000)).toBe(E.EINVAL);
    expect([(reference.file as DmaBuf).importers, reference.count]).toEqual([0, 1]);
  });
});

describe.each(REVOCATIONS)('when %s', (_how, revoke) => {
  // covers: IF34 DB02
  test('the other device is shut out at once, while the mapping stays', () => {
    const { iommu, ioas, memory, device, exporter, fd } = peers();
    iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
    expect(revoke(exporter)).toBeGreaterThanOrEqual(0);
    expect([device.read(0x10000), device.write(0x10000, 1)]).toEqual([undefined, false]);
    expect(iommu.map(ioas, memory, PAGE, 0x10000)).toBe(E.EEXIST);
    expect(iommu.unmapAll(ioas)).toBe(PAGE);
  });

  // covers: IF34
  test('it goes from every copy, and from a mapping whose descriptor is closed', () => {
    const { program, iommu, ioas, device, exporter, fd } = peers();
    const third = program.device(2);
    const other = iommu.allocIoas();
    iommu.attach(third.fd, other);
    iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
    iommu.copy(other, ioas, 0x10000, PAGE, 0x20000);
    program.process.close(fd);
    expect([device.read(0x10000), third.read(0x20000)]).toEqual([7, 7]);
    revoke(exporter);
    expect([device.read(0x10000), third.read(0x20000)]).toEqual([undefined, undefined]);
  });

  // covers: IF34
  test('it does not come back by a new attachment or a copy', () => {
    const { program, iommu, ioas, device, exporter, fd } = peers();
    iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
    revoke(exporter);
    const third = program.device(2);
    iommu.call('HWPT_ALLOC', { dev_id: third.id, pt_id: ioas });
    expect(iommu.attach(third.fd, iommu.field('HWPT_ALLOC', 'out_hwpt_id')), 'a page table of its own').toBeGreaterThan(
      0,
    );
    expect(iommu.copy(ioas, ioas, 0x10000, PAGE, 0x20000)).toBe(0x20000);
    iommu.detach(device.fd);
    expect(iommu.attach(device.fd, ioas)).toBeGreaterThan(0);
    for (const iova of [0x10000, 0x20000])
      expect([device.read(iova), third.read(iova)]).toEqual([undefined, undefined]);
  });
});

// covers: IF34 DB02
test('memory that is back is there for new mappings of the buffer, not for the old one', () => {
  const { program, iommu, ioas, device, exporter, fd } = peers();
  iommu.mapFile(ioas, fd, 0, PAGE, 0x10000);
  exporter.client.write(7, 4, 2, 4);
  exporter.client.write(7, 4, 2, ENABLE);
  expect(device.read(0x10000)).toBeUndefined();
  iommu.attach(program.device(2).fd, ioas);
  expect(device.read(0x10000)).toBeUndefined();
  expect(iommu.mapFile(ioas, fd, 0, PAGE, 0x20000)).toBe(0x20000);
  expect([device.read(0x10000), device.read(0x20000)]).toEqual([undefined, 7]);
});

// covers: DB03 IF34
test('a mapping made while nothing is attached is revoked all the same', () => {
  const { program, iommu, exporter, fd } = peers();
  const later = iommu.allocIoas();
  iommu.mapFile(later, fd, 0, PAGE, 0x10000);
  exporter.client.write(7, 4, 2, 4);
  exporter.client.write(7, 4, 2, ENABLE);
  const third = program.device(2);
  expect(iommu.attach(third.fd, later)).toBeGreaterThan(0);
  expect(third.read(0x10000)).toBeUndefined();
});
