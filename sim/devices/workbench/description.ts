/**
 * A function that has one of everything a driver of any device may meet: the registers of edu behind a PCI Express
 * function with INTx, MSI with masks, MSI-X, power management, two kinds of FLR, VPD, a ROM, and BARs of every kind.
 */
import type { BarDescription, CapabilityDescription, FunctionDescription } from '../../pci/description.ts';
import { OPTION_ROM } from '../option-rom.ts';

/** D1 and PME in every state; going from D3hot to D0 resets the function. */
const PM: CapabilityDescription = { kind: 'pm', at: 0x40, body: '03ca00000000' };
const VPD: CapabilityDescription = { kind: 'vpd', at: 0x48 };
/** Four vectors, 64-bit addresses, a mask for each vector. */
const MSI: CapabilityDescription = { kind: 'msi', at: 0x50, body: '8401' };
const VENDOR: CapabilityDescription = { kind: 'vndr', at: 0x68, body: '08', writable: [[4, 4, 0xffff_ffff]] };
const AF: CapabilityDescription = { kind: 'af', at: 0x70, body: '0603' };
const EXP: CapabilityDescription = {
  kind: 'exp',
  at: 0x78,
  body: '02002080001000000000110400000000110000000000000000000000000000000000000030000000',
};
/** Five vectors; the table at the start of BAR 3, pending bits behind it. */
const MSIX: CapabilityDescription = { kind: 'msix', at: 0xb4, body: '04000300000003200000' };
/** Of no use to a user, so vfio-pci takes it out of the list. */
const SUBSYSTEM: CapabilityDescription = { kind: 'ssvid', at: 0xc0, body: '0000f41a0011' };

const AER: CapabilityDescription = {
  kind: 'aer',
  at: 0x100,
  size: 0x40,
  body: '0000000000004002302046000000000000c00000a0000000',
};
const DSN: CapabilityDescription = { kind: 'dsn', at: 0x140, body: '020000ffff005452' };
const VSEC: CapabilityDescription = {
  kind: 'vsec',
  at: 0x150,
  body: '0100000100000000',
  writable: [[8, 4, 0xffff_ffff]],
};
/** Precision time measurement, which vfio-pci does not know. */
const PTM = (at: number): CapabilityDescription => ({
  kind: 0x1f,
  extended: true,
  at,
  size: 12,
  body: '0204000000000000',
});
/** An id beyond all that are assigned. */
const ALIEN: CapabilityDescription = {
  kind: 0x3a5,
  extended: true,
  at: 0x100,
  size: 16,
  body: '112233445566778899aabbcc',
};

const BARS: readonly BarDescription[] = [
  { index: 0, kind: 'mem32', size: 0x10_0000 },
  { index: 1, kind: 'mem32', size: 0x800 },
  { index: 2, kind: 'io', size: 0x20 },
  { index: 3, kind: 'mem64', size: 0x4000, prefetch: true },
];

/** Plain. */
export const workbench: FunctionDescription = {
  name: 'workbench',
  vendor: 0x1234,
  device: 0x11e9,
  class: 0x00ff00,
  revision: 0x10,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 1,
  interruptLine: 0x0b,
  unassigned: 'memory',
  bars: BARS,
  rom: { size: 0x1_0000, image: OPTION_ROM },
  // "AB" as a read-only resource, and the end tag.
  vpd: '9002004142780000',
  capabilities: [PM, VPD, MSI, VENDOR, AF, EXP, MSIX, SUBSYSTEM, AER, DSN, VSEC, PTM(0x160)],
  model: 'edu',
};

/** INTX_DISABLE has no effect: the host masks at its own end of the line, which then is not shared. */
export const withoutIntxMask: FunctionDescription = { ...workbench, quirks: ['broken_intx_masking'] };

/** The list of extended capabilities begins with one that nobody knows. */
export const alienFirst: FunctionDescription = {
  ...workbench,
  capabilities: [PM, VPD, MSI, VENDOR, AF, EXP, MSIX, SUBSYSTEM, ALIEN, DSN, VSEC, PTM(0x160)],
};

/** No reset of its own, and no messages but one MSI vector without mask. */
export const withoutReset: FunctionDescription = {
  ...workbench,
  quirks: ['no_flr', 'no_bus_reset'],
  capabilities: [{ ...PM, body: '03ca08000000' }, { ...MSI, body: '8000' }, EXP, { ...DSN, at: 0x100 }],
};

/** Of a device with several such functions, which a reset of their bus resets together. */
export const resetTogether: FunctionDescription = {
  ...withoutReset,
  quirks: ['no_flr'],
  capabilities: [...withoutReset.capabilities!, { kind: 'acs', at: 0x150, body: '1d00' }],
};

/** BAR 1 is less than a page, and the rest of that page is somebody else's. */
export const sharedPage = (half: 0 | 1): FunctionDescription => ({
  ...workbench,
  bars: BARS.map((bar) => (bar.index === 1 ? { ...bar, address: 0xe000_0000 + 0x800 * half } : bar)),
});

/** The platform holds BAR 0, so that no driver can have it. */
export const claimedBar: FunctionDescription = {
  ...workbench,
  bars: BARS.map((bar) => (bar.index === 0 ? { ...bar, claimed: true } : bar)),
};
