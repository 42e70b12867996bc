/** Who may write what: every byte of these capabilities can be written in hardware, so that what a user reaches is the library's choice. */
import { describe, expect, it } from 'vitest';
import type { CapabilityDescription, FunctionDescription, MachineDescription } from '../../sim/pci/description.ts';
import { Bench, type Opened } from './bench.ts';

interface Place {
  readonly name: string;
  readonly id: number;
  readonly at: number;
  readonly size: number;
  readonly body?: string;
}
const place = (name: string, id: number, at: number, size: number, body = ''): Place => ({ name, id, at, size, body });

const dwords = (from: number, size: number): [number, 4, number][] =>
  Array.from({ length: (size - from) / 4 }, (_, i) => [from + 4 * i, 4, 0xffff_ffff]);

const standard = ({ id, at, size, body = '' }: Place): CapabilityDescription => ({
  kind: id,
  at,
  size,
  body,
  writable: [[2, 2, 0xffff], ...dwords(4, size)],
});
const extended = ({ id, at, size, body = '' }: Place): CapabilityDescription => ({
  kind: id,
  at,
  size,
  body,
  extended: true,
  writable: dwords(4, size),
});

/** PCI-X of version 1, which has the ECC registers; the version is read-only in hardware. */
const PCIX: CapabilityDescription = {
  kind: 0x07,
  at: 0x40,
  size: 24,
  body: '0010',
  writable: [[2, 2, 0x007f], ...dwords(4, 24)],
};
const READ_ONLY: readonly Place[] = [
  place('AGP', 0x02, 0x58, 12),
  place('HyperTransport host', 0x08, 0x64, 28),
  place('SATA', 0x12, 0x80, 8),
];
/** FLR aside, which resets the function. */
const EXP: CapabilityDescription = {
  kind: 'exp',
  at: 0x90,
  body: '02000080001000000000',
  writable: [[4, 4, 0xffff_ffff], [8, 2, 0x7fff], ...dwords(0x0c, 0x3c)],
};
const SHPC = place('hot plug controller', 0x0c, 0xd0, 8);

const POWER_BUDGETING = place('power budgeting', 0x04, 0x100, 16);
/** Length of 0x14 in the second header. */
const VENDOR: readonly Place[] = [
  place('vendor specific', 0x0b, 0x110, 0x14, '01004001'),
  place('designated vendor specific', 0x23, 0x130, 0x14, '01004001'),
];
const READ_ONLY_EXTENDED: readonly Place[] = [
  place('ACS', 0x0d, 0x150, 8),
  place('ATS', 0x0f, 0x160, 8),
  place('page requests', 0x13, 0x170, 16),
  place('resizable BARs, one of them', 0x15, 0x180, 12, `00000000${'20000000'}`),
  place('virtual channel', 0x02, 0x190, 0x1c),
  place('serial number', 0x03, 0x1b0, 12),
  place('latency tolerance', 0x18, 0x1c0, 8),
  place('TPH', 0x17, 0x1d0, 12),
  place('multicast', 0x12, 0x1e0, 40),
];
const HIDDEN: readonly Place[] = [
  place('PASID', 0x1b, 0x220, 8),
  place('downstream port containment', 0x1d, 0x230, 16),
  place('L1 substates', 0x1e, 0x240, 16),
  place('precision time', 0x1f, 0x250, 12),
  place('DOE', 0x2e, 0x260, 24),
  place('one that nobody knows', 0x99, 0x280, 16),
];
const AER = place('AER', 0x01, 0x2a0, 0x38);
const VISIBLE = [POWER_BUDGETING, ...VENDOR, ...READ_ONLY_EXTENDED, AER];

const zoo: FunctionDescription = {
  name: 'zoo',
  vendor: 0x1234,
  device: 0x0003,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [PCIX, ...READ_ONLY.map(standard), EXP, standard(SHPC), ...[...VISIBLE, ...HIDDEN].map(extended)],
  model: 'probe',
};

/** PCI Express, and nothing in its extended space but memory. */
const bare: FunctionDescription = {
  name: 'bare',
  vendor: 0x1234,
  device: 0x0004,
  class: 0x00ff00,
  unassigned: 'memory',
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [EXP],
  model: 'probe',
};

const MACHINE: MachineDescription = {
  name: 'rare capabilities',
  iommu: { aperture: [0, 2 ** 48 - 1], pageSizes: [0x1000], interruptRemapping: true },
  root: [
    { devfn: '02.0', function: zoo },
    { devfn: '03.0', function: bare },
  ],
};
const open = (devfn: string): Opened => new Bench(MACHINE).open(`0000:00:${devfn}`);

/** Bits that reach hardware when a user writes all ones to each dword of the capability behind its header. */
function reached(device: Opened, { at, size }: Pick<Place, 'at' | 'size'>): number[] {
  return dwords(4, size).map(([offset]) => {
    const before = device.raw(at + offset, 4);
    expect(device.setConfig(at + offset, 4, 0xffff_ffff)).toBe(4);
    const after = device.raw(at + offset, 4);
    expect(device.config(at + offset, 4), 'a user reads what hardware has').toBe(after);
    return (after & ~before) >>> 0;
  });
}

describe('standard capabilities', () => {
  // covers: CF28
  it('PCI-X: the command and the ECC control can be written, the status and the rest cannot', () => {
    const device = open('02.0');
    device.setConfig(0x42, 2, 0xffff);
    expect([device.raw(0x42, 2), device.config(0x42, 2)]).toEqual([0x107f, 0x107f]);
    expect(reached(device, { at: 0x40, size: 24 })).toEqual([0, 0xffff_ffff, 0, 0, 0]);
  });

  // covers: CF35
  it.each(READ_ONLY)('$name cannot be written', ({ id, at, size }) => {
    const device = open('02.0');
    expect(device.config(at, 1)).toBe(id);
    expect(reached(device, { at, size }).every((bits) => bits === 0)).toBe(true);
    expect(device.setConfig(at + 2, 2, 0xffff)).toBe(2);
    expect(device.raw(at + 2, 2)).toBe(0);
  });

  // covers: CF22
  it('PCI Express: of the device control all bits but phantom functions, and sizes only in the shadow', () => {
    const device = open('02.0');
    device.core.pdev.function.config.set(0x98, 2, 0);
    expect(device.setConfig(0x98, 2, 0x7fff)).toBe(2);
    expect(device.config(0x98, 2)).toBe(0x7dff);
    // MRRS 7 is no size: hardware keeps what it had.
    expect(device.raw(0x98, 2)).toBe(0x0d1f);
  });

  // covers: CF25
  it('PCI Express: of device control 2 all bits but ARI forwarding', () => {
    const device = open('02.0');
    device.setConfig(0x90 + 0x28, 2, 0xffff);
    expect([device.raw(0xb8, 2), device.config(0xb8, 2)]).toEqual([0xffdf, 0xffdf]);
  });

  // covers: CF26
  it.each([
    ['capabilities', 0x04],
    ['link capabilities', 0x0c],
    ['link control and status', 0x10],
    ['slot capabilities', 0x14],
    ['slot control and status', 0x18],
    ['root control and capabilities', 0x1c],
    ['root status', 0x20],
    ['device capabilities 2', 0x24],
    ['link capabilities 2', 0x2c],
    ['link control 2 and status 2', 0x30],
  ])('PCI Express: the %s cannot be written', (_what, offset) => {
    const device = open('02.0');
    const before = device.raw(0x90 + offset, 4);
    expect(device.setConfig(0x90 + offset, 4, 0xffff_ffff)).toBe(4);
    expect(device.setConfig(0x90 + offset, 2, 0xffff)).toBe(2);
    expect(device.raw(0x90 + offset, 4)).toBe(before);
    device.core.pdev.function.config.set(0x90 + offset, 4, 0x1234_5678);
    expect(device.config(0x90 + offset, 4)).toBe(0x1234_5678);
  });

  // covers: CF13 CF36
  it('one that the library does not know is not in the list, and raw at its place', () => {
    const device = open('02.0');
    const list: number[] = [];
    for (let at = device.config(0x34, 1); at !== 0; at = device.config(at + 1, 1)) list.push(at);
    expect(list).toEqual([0x40, 0x58, 0x64, 0x80, 0x90]);
    expect(device.raw(0x91, 1)).toBe(0xd0);
    expect(reached(device, SHPC)).toEqual([0xffff_ffff]);
  });
});

describe('extended capabilities', () => {
  // covers: CF37 CF41 CF42
  it('in the list are those the library knows, in their order', () => {
    const device = open('02.0');
    const list: [number, number][] = [];
    for (let at = 0x100; at !== 0; at = device.config(at, 4) >>> 20) list.push([device.config(at, 2), at]);
    expect(list).toEqual(VISIBLE.map(({ id, at }) => [id, at]));
  });

  // covers: CF38
  it('AER: status, masks, severity and control by their masks, the header log not, what is behind it raw', () => {
    const device = open('02.0');
    const [uncorrectable, correctable] = [0x03ff_f031, 0xf1c1];
    const log = Array(4).fill(0);
    const behind = Array(3).fill(0xffff_ffff);
    const [, ...rest] = reached(device, AER);
    expect(rest).toEqual([uncorrectable, uncorrectable, 0, correctable, 0x140, ...log, ...behind]);
    // In the two status registers a one clears.
    for (const [status, writable] of [
      [0x2a4, uncorrectable],
      [0x2b0, correctable],
    ] as const) {
      device.core.pdev.function.config.set(status, 4, 0xffff_ffff);
      device.setConfig(status, 4, 0xffff_ffff);
      expect(device.raw(status, 4) & writable & ~1).toBe(0);
    }
  });

  // covers: CF39
  it('power budgeting: the low byte of the data can be written, the selector cannot', () => {
    expect(reached(open('02.0'), POWER_BUDGETING)).toEqual([0, 0xff, 0]);
  });

  // covers: CF40
  it.each(VENDOR)('$name can be written whole, behind its length', ({ at, size }) => {
    const device = open('02.0');
    expect(reached(device, { at: at + 4, size: size - 4 })).toEqual([0xffff_ffff, 0xffff_ffff, 0xffff_ffff]);
  });

  // covers: CF41
  it.each(READ_ONLY_EXTENDED)('$name can be seen and not written', ({ at, size }) => {
    const device = open('02.0');
    const header = device.config(at, 4);
    expect(reached(device, { at, size }).every((bits) => bits === 0)).toBe(true);
    device.setConfig(at, 4, 0xffff_ffff);
    expect(device.config(at, 4)).toBe(header);
  });

  // covers: CF42
  it.each(HIDDEN)('$name is raw at its place, though not in the list', ({ id, at, size }) => {
    const device = open('02.0');
    expect(device.config(at, 2)).toBe(id);
    expect(reached(device, { at, size }).every((bits) => bits === 0xffff_ffff)).toBe(true);
  });

  // covers: CF45
  it('where there are none, all of the extended space is raw', () => {
    const device = open('03.0');
    expect(device.config(0x100, 4)).toBe(0);
    for (const at of [0x100, 0x104, 0x7f0, 0xffc]) {
      expect(device.setConfig(at, 4, 0x1234_5678)).toBe(4);
      expect([device.raw(at, 4), device.config(at, 4)]).toEqual([0x1234_5678, 0x1234_5678]);
    }
  });
});
