/** The hardware of the bench for DMA mappings: functions that do nothing by themselves, and groups of one and of two. */
import type { FunctionDescription, IommuDescription, MachineDescription } from '../../../sim/pci/description.ts';
import type { DeviceModel, DevicePorts } from '../../../sim/pci/model.ts';

/** A device whose memory requests the lab makes in its name. */
export class Probe implements DeviceModel {
  readonly ports: DevicePorts;

  constructor(ports: DevicePorts) {
    this.ports = ports;
  }

  read(): number {
    return 0;
  }

  write(): void {}

  reset(): void {}
}

const EXP = { kind: 'exp', at: 0x40, body: '02000080001000000000' } as const;

const probe = (device: number, more: Partial<FunctionDescription> = {}): FunctionDescription => ({
  name: `probe ${device}`,
  vendor: 0x1234,
  device,
  class: 0x00ff00,
  bars: [{ index: 0, kind: 'mem32', size: 0x4000 }],
  capabilities: [EXP],
  model: 'probe',
  ...more,
});

/** PASIDs, page requests and ATS. */
const ABLE = [
  EXP,
  { kind: 'ats', at: 0x100 },
  { kind: 'pri', at: 0x120, body: '000000014000000000000000' },
  { kind: 'pasid', at: 0x140, body: '06080000' },
] as const;

const PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive: 'none' } as const;

/** What the IOMMU can do in one setting. */
export type Features = Pick<IommuDescription, 'aperture' | 'pageSizes'> & {
  readonly rich: boolean;
  readonly coherent: boolean;
};

/** The devices: each tenant's own, which stays aside; those A plays with, two of them in one group; and B's. */
export const OWN = ['0000:01:00.0', '0000:02:00.0'] as const;
export const PLAYED = {
  A: ['0000:03:00.0', '0000:04:00.0', '0000:04:00.1'],
  B: ['0000:05:00.0'],
} as const;

export const benchMachine = ({ aperture, pageSizes, rich, coherent }: Features): MachineDescription => ({
  name: 'bench',
  iommu: {
    aperture,
    pageSizes,
    interruptRemapping: true,
    enforceCoherency: coherent,
    ...(rich && { dirtyTracking: true, nesting: true, pasid: true, pageRequests: true, virtual: 'tegra241-cmdqv' }),
  },
  root: [
    { ...PORT, devfn: '01.0', below: [{ devfn: '00.0', function: probe(0x10) }] },
    { ...PORT, devfn: '02.0', below: [{ devfn: '00.0', function: probe(0x20) }] },
    { ...PORT, devfn: '03.0', below: [{ devfn: '00.0', function: probe(0x30, { capabilities: ABLE }) }] },
    {
      ...PORT,
      devfn: '04.0',
      below: [
        { devfn: '00.0', function: probe(0x40) },
        { devfn: '00.1', function: probe(0x41) },
      ],
    },
    { ...PORT, devfn: '05.0', below: [{ devfn: '00.0', function: probe(0x50) }] },
  ],
});
