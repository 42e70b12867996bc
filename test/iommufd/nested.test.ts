import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_DATA } from '../../src/uapi/iommufd.ts';
import { PLAIN, Rig } from './rig.ts';

/** Entry bits of x86 page tables. */
const E = { P: 1, RW: 2, US: 4, A: 0x20, D: 0x40, PS: 0x80 } as const;
const TABLE = E.P | E.RW | E.US;
/** Guest memory: 64 KiB at this guest physical address. */
const GUEST = 0x10_0000;
/** Addresses in it: four levels of tables, and two pages. */
const [PML4, PDPT, PD, PT, PAGE, OTHER] = [0, 1, 2, 3, 4, 5].map((page) => GUEST + page * 0x1000) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
/** What the device uses, and the index at each level. */
const IOVA = 0x0000_5555_5555_5000;
const index = (level: number): number => Math.floor(IOVA / 2 ** (12 + 9 * (level - 1))) % 512;

/** A guest with one page mapped in tables of its own. `flags` is how its guest memory is mapped. */
function guest(flags = 6) {
  const rig = new Rig();
  const device = rig.device(PLAIN);
  const ioas = rig.ioas();
  const memory = rig.allocate(0x1_0000);
  rig.map(ioas, GUEST, memory, 0x1_0000, flags);
  const host = (address: number): number => memory + address - GUEST;
  const entry = (table: number, level: number, value: number): void =>
    rig.put(host(table) + index(level) * 8, BigInt(value));
  entry(PML4, 4, PDPT | TABLE);
  entry(PDPT, 3, PD | TABLE);
  entry(PD, 2, PT | TABLE);
  entry(PT, 1, PAGE | TABLE);
  const parent = rig.parent(device, ioas);
  const data = rig.allocate(0x1000);
  rig.put(data, 0, PML4, 48);
  const nested = rig.hwpt(device, parent, 0, { data_type: HWPT_DATA.VTD_S1, data_len: 24, data_uptr: data });
  device.attach(nested);
  const read = (table: number, level: number): number => Number(rig.u64(host(table) + index(level) * 8));
  return { rig, device, ioas, parent, nested, host, entry, read };
}

describe('DMA through a nested page table', () => {
  // covers: HW14
  test('goes through the guest’s tables and then the host’s', () => {
    const { rig, device, host } = guest();
    expect(device.writes(IOVA + 0x123)).toBe(true);
    expect(rig.bytes(host(PAGE) + 0x123, 1)).toEqual([0xa5]);
    expect(device.reads(IOVA + 0x123)).toBe(0xa5);
  });

  // covers: HW14
  test('reaches no guest physical address that the guest has not mapped', () => {
    const { device } = guest();
    expect([device.writes(PAGE), device.writes(IOVA + 0x1000), device.reads(0)]).toEqual([false, false, undefined]);
  });

  // covers: HW14
  test.each([1, 2, 3, 4])('an entry of level %i that is not present, or not the user’s, is a fault', (level) => {
    for (const missing of [E.P, E.US]) {
      const { device, entry, read } = guest();
      const table = [PT, PD, PDPT, PML4][level - 1]!;
      entry(table, level, read(table, level) & ~missing);
      expect([device.reads(IOVA), device.writes(IOVA)]).toEqual([undefined, false]);
    }
  });

  // covers: HW14
  test.each([1, 2, 3, 4])('an entry of level %i that may not be written protects all below it', (level) => {
    const { device, entry, read } = guest();
    const table = [PT, PD, PDPT, PML4][level - 1]!;
    entry(table, level, read(table, level) & ~E.RW);
    expect([device.reads(IOVA), device.writes(IOVA)]).toEqual([0, false]);
  });

  // covers: HW14
  test('a change of the guest’s tables counts from the next request on', () => {
    const { rig, device, entry, host } = guest();
    device.writes(IOVA);
    entry(PT, 1, OTHER | TABLE);
    expect(device.writes(IOVA)).toBe(true);
    expect([rig.bytes(host(PAGE), 1), rig.bytes(host(OTHER), 1)]).toEqual([[0xa5], [0xa5]]);
  });

  // covers: HW14
  test('a large page of the guest is one of 2 MiB', () => {
    const { rig, device, entry, host } = guest();
    entry(PD, 2, E.PS | TABLE);
    const within = IOVA % 0x20_0000;
    // The large page begins at guest address 0: the byte is where the IOVA is within it.
    expect(device.writes(IOVA - within + PAGE + 7)).toBe(true);
    expect(rig.bytes(host(PAGE) + 7, 1)).toEqual([0xa5]);
    expect(device.writes(IOVA)).toBe(false);
  });

  // covers: HW14
  test('what the guest maps and the host does not is out of reach, and so are tables there', () => {
    const { rig, ioas, device, entry } = guest();
    entry(PT, 1, 0x80_0000 | TABLE);
    expect(device.writes(IOVA)).toBe(false);
    entry(PT, 1, PAGE | TABLE);
    entry(PD, 2, 0x80_0000 | TABLE);
    expect(device.writes(IOVA)).toBe(false);
    entry(PD, 2, PT | TABLE);
    expect(device.writes(IOVA)).toBe(true);
    rig.unmap(ioas, GUEST, 0x1_0000);
    expect(device.writes(IOVA)).toBe(false);
  });

  // covers: HW14
  test('a request over two pages follows each one’s entry, and is done up to the first that is missing', () => {
    const { rig, device, host } = guest();
    expect(device.dma.write(IOVA + 0xffe, Uint8Array.of(1, 2, 3, 4))).toBe(false);
    expect(rig.bytes(host(PAGE) + 0xffe, 2)).toEqual([1, 2]);
    rig.put(host(PT) + (index(1) + 1) * 8, OTHER | TABLE);
    expect(device.dma.write(IOVA + 0xffe, Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect(rig.bytes(host(OTHER), 2)).toEqual([3, 4]);
  });

  // covers: HW14
  test('marks the guest’s entries as accessed, and the last one dirty when it writes', () => {
    const { device, read } = guest();
    device.reads(IOVA);
    expect([read(PML4, 4), read(PT, 1)].map((entry) => entry & (E.A | E.D))).toEqual([E.A, E.A]);
    device.writes(IOVA);
    expect([read(PD, 2), read(PT, 1)].map((entry) => entry & (E.A | E.D))).toEqual([E.A, E.A | E.D]);
  });

  // covers: HW14
  test('faults where the host lets the device read the guest’s tables but not mark them', () => {
    const { device } = guest(4);
    expect([device.reads(IOVA), device.writes(IOVA)]).toEqual([undefined, false]);
  });

  // covers: HW24 IF21
  test('makes pages dirty in the page table that it is nested on: those written, and tables that were marked', () => {
    const { rig, device, parent } = guest();
    rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: parent, flags: 1 });
    device.reads(IOVA);
    expect(rig.dirty(parent, GUEST, 0x1_0000)).toEqual([0, 1, 2, 3]);
    device.reads(IOVA);
    expect(rig.dirty(parent, GUEST, 0x1_0000)).toEqual([]);
    device.writes(IOVA);
    expect(rig.dirty(parent, GUEST, 0x1_0000)).toEqual([3, 4]);
    device.writes(IOVA);
    expect(rig.dirty(parent, GUEST, 0x1_0000)).toEqual([4]);
  });

  // covers: IF20
  test('dirty tracking is asked of the parent: the first stage has none', () => {
    const { rig, nested } = guest();
    expect(rig.call('HWPT_SET_DIRTY_TRACKING', { hwpt_id: nested, flags: 1 })).toBe(-ERRNO.ENOENT);
  });
});
