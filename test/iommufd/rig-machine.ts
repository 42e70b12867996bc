/** A machine whose IOMMU can everything, with devices that differ in what they make of it. */
import type { FunctionDescription, IommuDescription, MachineDescription } from '../../sim/pci/description.ts';

/** An endpoint with FLR. */
const EXP = { kind: 'exp', at: 0x40, body: '02000080001000000000' } as const;

const plain = (device: number, more: Partial<FunctionDescription> = {}): FunctionDescription => ({
  name: `function ${device}`,
  vendor: 0x1234,
  device,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x1000 }],
  capabilities: [EXP],
  model: 'probe',
  ...more,
});

/** PASIDs up to 255 with both privileges, page requests, ATS, and VFs that share them. */
const accelerator = plain(0x10, {
  capabilities: [
    EXP,
    { kind: 'ats', at: 0x100 },
    { kind: 'pri', at: 0x120, body: '000000014000000000000000' },
    { kind: 'pasid', at: 0x140, body: '06080000' },
    { kind: 'ari', at: 0x150 },
    { kind: 'sriov', at: 0x180 },
  ],
  sriov: { totalVfs: 2, offset: 0x10, stride: 1, vf: plain(0x11, { bars: [] }) },
});

/** The one with PASIDs and page requests. */
export const ACCELERATOR = '0000:01:00.0';
/** Its first VF, once made. */
export const VF = '0000:01:02.0';
/** A function with PCI Express and nothing else. */
export const PLAIN = '0000:02:00.0';
/** Two functions of one device: one group. */
export const TWINS = ['0000:03:00.0', '0000:03:00.1'] as const;
/** One with PASIDs, and one without: one group. */
export const PAIR = ['0000:04:00.0', '0000:04:00.1'] as const;

const PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive: 'none' } as const;
const pasid = { kind: 'pasid', at: 0x140, body: '00040000' } as const;

export const rigMachine = (iommu: Partial<IommuDescription> = {}): MachineDescription => ({
  name: 'iommufd',
  iommu: {
    aperture: [0, 2 ** 48 - 1],
    pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
    interruptRemapping: true,
    dirtyTracking: true,
    nesting: true,
    pasid: true,
    pageRequests: true,
    virtual: 'tegra241-cmdqv',
    ...iommu,
  },
  root: [
    { ...PORT, devfn: '01.0', below: [{ devfn: '00.0', function: accelerator }] },
    { ...PORT, devfn: '02.0', below: [{ devfn: '00.0', function: plain(0x20) }] },
    {
      ...PORT,
      devfn: '03.0',
      below: [
        { devfn: '00.0', function: plain(0x30) },
        { devfn: '00.1', function: plain(0x31) },
      ],
    },
    {
      ...PORT,
      devfn: '04.0',
      below: [
        { devfn: '00.0', function: plain(0x40, { capabilities: [EXP, pasid] }) },
        { devfn: '00.1', function: plain(0x41) },
      ],
    },
  ],
});
