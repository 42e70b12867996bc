/** Functions as the tests need them: a network card with VFs, a conventional device, a two-function card. */
import type { BridgeDescription, FunctionDescription, MachineDescription } from '../../sim/pci/description.ts';

/** Device control as delivered (relaxed ordering, no-snoop, MRRS 512), FLR, version 2 endpoint. */
const EXP_BODY = `0200${'00800010'}${'1028'}`;

/** A ROM of one 512-byte image. */
export const ROM_IMAGE = (() => {
  const bytes = Buffer.alloc(512);
  bytes.writeUInt16LE(0xaa55, 0);
  bytes.writeUInt16LE(0x20, 0x18);
  bytes.write('PCIR', 0x20, 'latin1');
  bytes.writeUInt16LE(0x18, 0x20 + 0x0a);
  bytes.writeUInt16LE(1, 0x20 + 0x10);
  bytes.writeUInt8(0x80, 0x20 + 0x15);
  return bytes.toString('hex');
})();

export const nicVf: FunctionDescription = {
  name: 'nic VF',
  vendor: 0x8086,
  device: 0x10ca,
  class: 0x020000,
  revision: 1,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  unassigned: 'memory',
  bars: [
    { index: 0, kind: 'mem64', size: 0x4000, prefetch: true },
    { index: 3, kind: 'mem64', size: 0x4000, prefetch: true },
  ],
  capabilities: [
    { kind: 'exp', at: 0xa0, body: '0200008000100000' },
    { kind: 'msix', at: 0x70, body: '07000300000003200000' },
    { kind: 'aer', at: 0x100 },
    { kind: 'ari', at: 0x150 },
  ],
  model: 'probe',
};

/** MSI-X of 8 vectors at 0x2000 of BAR0, MSI of 8 messages, hidden capabilities in both lists. */
export const nic: FunctionDescription = {
  name: 'nic PF',
  vendor: 0x8086,
  device: 0x10c9,
  class: 0x020000,
  revision: 1,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 1,
  unassigned: 'memory',
  rom: { size: 0x1_0000, image: ROM_IMAGE },
  bars: [
    { index: 0, kind: 'mem32', size: 0x4000 },
    { index: 1, kind: 'io', size: 0x20 },
    { index: 2, kind: 'mem64', size: 0x100_0000, prefetch: true },
    { index: 4, kind: 'mem32', size: 0x1000 },
    { index: 5, kind: 'mem32', size: 0x100 },
  ],
  capabilities: [
    { kind: 'pm', at: 0x40, body: '23fe08010000' },
    { kind: 'ssvid', at: 0x48 },
    { kind: 'msi', at: 0x50, body: '8600' },
    { kind: 'exp', at: 0x60, body: EXP_BODY },
    { kind: 'msix', at: 0xa0, body: '07000020000000300000' },
    { kind: 'vpd', at: 0xb0 },
    { kind: 'vndr', at: 0xc0, body: '10', writable: [[4, 4, 0xffffffff]] },
    { kind: 'aer', at: 0x100 },
    { kind: 'pasid', at: 0x150, body: '001f0000' },
    { kind: 'ari', at: 0x160 },
    { kind: 'sriov', at: 0x180 },
  ],
  sriov: { totalVfs: 4, offset: 0x80, stride: 2, vf: nicVf },
  model: 'probe',
};

/** Conventional: INTx, MSI with per-vector masks, AF FLR, PM that loses its registers in D3hot. */
export const legacy: FunctionDescription = {
  name: 'legacy',
  vendor: 0x1234,
  device: 0x11e8,
  class: 0x00ff00,
  interruptPin: 1,
  configSize: 256,
  unassigned: 'memory',
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [
    { kind: 'pm', at: 0x40, body: '020000000000' },
    { kind: 'msi', at: 0x50, body: '8201' },
    { kind: 'af', at: 0x70, body: '060300' },
  ],
  model: 'probe',
};

/** As legacy, but nothing can reset it and it has no INTX_DISABLE bit. */
export const stubborn: FunctionDescription = {
  name: 'stubborn',
  vendor: 0x1234,
  device: 0x0001,
  class: 0x00ff00,
  interruptPin: 1,
  configSize: 256,
  commandMask: 0x0107,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  model: 'probe',
};

/** The first extended capability is one the kernel hides. */
export const hiddenFirst: FunctionDescription = {
  name: 'hidden first',
  vendor: 0x1234,
  device: 0x0002,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [
    { kind: 'exp', at: 0x40, body: '02000080001000000000' },
    { kind: 'pasid', at: 0x100, body: '001f0000' },
    { kind: 'dsn', at: 0x120, body: '0102030405060708' },
  ],
  model: 'probe',
};

const twin = (device: number): FunctionDescription => ({
  name: `twin ${device}`,
  vendor: 0x1234,
  device,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [{ kind: 'exp', at: 0x40, body: '02000080001000000000' }],
  model: 'probe',
});

const PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive: 'none' } as const;

export const machine: MachineDescription = {
  name: 'pci-core tests',
  iommu: { aperture: [0, 2 ** 48 - 1], pageSizes: [0x1000], interruptRemapping: true },
  root: [
    { devfn: '02.0', function: legacy },
    { devfn: '03.0', function: stubborn },
    { devfn: '04.0', function: hiddenFirst },
    { ...PORT, devfn: '08.0', below: [{ devfn: '00.0', function: nic }] },
    {
      ...PORT,
      devfn: '09.0',
      below: [
        { devfn: '00.0', function: twin(0x10) },
        { devfn: '00.1', function: twin(0x11) },
      ],
    },
  ],
};

/** A machine of one function, behind a root port at 01:00.0. */
export const alone = (fn: FunctionDescription, port: Partial<BridgeDescription> = {}): MachineDescription => ({
  ...machine,
  root: [{ ...PORT, ...port, devfn: '08.0', below: [{ devfn: '00.0', function: fn }] }],
});
