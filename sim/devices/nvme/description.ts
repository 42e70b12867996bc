/** An NVMe controller with SR-IOV, as the recorded machine shows it. Registers are inert. */
import type { CapabilityDescription, FunctionDescription } from '../../pci/description.ts';

const PM: CapabilityDescription = { kind: 'pm', at: 0x60, body: '030008000000' };
/** Device control has the error reports and the reset bit. */
const EXP: CapabilityDescription = {
  kind: 'exp',
  at: 0x80,
  body: '02002080001000000000110400000000110000000000000000000000000000000000000030000000',
  writable: [
    [0x08, 2, 0x800f],
    [0x10, 2, 0],
    [0x28, 2, 0x8000],
    [0x30, 2, 0],
  ],
};

/** What PF and VFs have in common. */
const CONTROLLER = {
  vendor: 0x1b36,
  device: 0x0010,
  class: 0x010802,
  revision: 2,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  commandMask: 0x0507,
  unassigned: 'memory',
  liveRegisters: true,
} as const;

/** A VF: one 16 KiB BAR with registers and the MSI-X table. */
export const nvmeVf: FunctionDescription = {
  ...CONTROLLER,
  name: 'nvme VF',
  bars: [{ index: 0, kind: 'mem64', size: 0x4000, address: 0xfe60_4000 }],
  capabilities: [{ kind: 'msix', at: 0x40, body: '00000020000000300000' }, EXP, PM, { kind: 'ari', at: 0x100 }],
};

/** The PF. */
export const nvme: FunctionDescription = {
  ...CONTROLLER,
  name: 'nvme PF',
  interruptPin: 1,
  interruptLine: 0x0a,
  // Firmware left I/O decoding on, though there is nothing to decode.
  command: 0x0101,
  bars: [{ index: 0, kind: 'mem64', size: 0x4000, address: 0xfe60_0000 }],
  capabilities: [
    { kind: 'msix', at: 0x40, body: '02000020000000300000' },
    EXP,
    PM,
    { kind: 'ari', at: 0x100 },
    { kind: 'sriov', at: 0x120, body: '0000000010000000' },
  ],
  sriov: { totalVfs: 2, offset: 1, stride: 1, vf: nvmeVf },
};
