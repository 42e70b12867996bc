/** The machine on which the golden traces were recorded: q35 with an Intel IOMMU in legacy mode. */
import { e1000 } from '../devices/e1000/description.ts';
import { e1000e } from '../devices/e1000e/description.ts';
import { edu } from '../devices/edu/description.ts';
import { igb } from '../devices/igb/description.ts';
import { nvme } from '../devices/nvme/description.ts';
import { testdev } from '../devices/testdev/description.ts';
import { virtioRng } from '../devices/virtio-rng/description.ts';
import type {
  BridgeDescription,
  FunctionDescription,
  IommuDescription,
  MachineDescription,
} from '../pci/description.ts';

/** VT-d with 48-bit domains and 4 KiB, 2 MiB and 1 GiB pages, interrupt remapping on; no snoop control, no dirty bits. */
export const vtd: IommuDescription = {
  aperture: [0, 2 ** 48 - 1],
  pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
  interruptRemapping: true,
  enforceCoherency: false,
};

/** A root port as the recorded machine's: ACS complete, ARI forwarding. */
type LinkActive = NonNullable<BridgeDescription['linkActive']>;
const rootPort = (linkActive: LinkActive) =>
  ({ kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive }) as const;

/** A part of the chipset: there, in a group, and without registers anybody recorded. */
const chipset = (name: string, device: number, code: number): FunctionDescription => ({
  name,
  vendor: 0x8086,
  device,
  class: code,
  configSize: 256,
});

const host = chipset('host bridge', 0x29c0, 0x060000);
const lpc = chipset('LPC bridge', 0x2918, 0x060100);
const sata = chipset('SATA controller', 0x2922, 0x010601);
const smbus = chipset('SMBus controller', 0x2930, 0x0c0500);
/** One more function sits on the root bus, as the group numbers tell; what it is was not recorded. */
const unknown: FunctionDescription = {
  name: 'unrecorded function',
  vendor: 0x1af4,
  device: 0x1001,
  class: 0x010000,
  configSize: 256,
};
/** The one behind the bridge: placed elsewhere, its pin swizzled to another line. */
const eduBehindBridge: FunctionDescription = {
  ...edu,
  interruptLine: 0x0a,
  bars: edu.bars!.map(({ index, kind, size }) => ({ index, kind, size })),
};

/** The switch of slow ports that report nothing of their link. */
const DOWNSTREAM = { kind: 'downstream-port', linkActive: 'none' } as const;

/** edu and virtio-rng on the root bus; igb, nvme, a switch, a slot with two functions and a PCI bus behind root ports. */
const machine = (name: string, linkActive: LinkActive): MachineDescription => ({
  name,
  iommu: vtd,
  root: [
    { devfn: '00.0', function: host },
    { devfn: '02.0', function: unknown },
    { devfn: '03.0', function: edu },
    { ...rootPort(linkActive), devfn: '04.0', below: [{ devfn: '00.0', function: igb }] },
    { ...rootPort(linkActive), devfn: '05.0', below: [{ devfn: '00.0', function: nvme }] },
    {
      ...rootPort(linkActive),
      devfn: '06.0',
      below: [
        {
          kind: 'upstream-port',
          devfn: '00.0',
          below: [
            {
              ...DOWNSTREAM,
              devfn: '00.0',
              below: [
                { devfn: '00.0', function: e1000e({ mem: 0xfe24_0000, io: 0x2000, rom: 0xfe20_0000, line: 0x0b }) },
              ],
            },
            {
              ...DOWNSTREAM,
              devfn: '01.0',
              below: [{ devfn: '00.0', function: testdev }],
            },
          ],
        },
      ],
    },
    {
      ...rootPort(linkActive),
      devfn: '07.0',
      below: [
        { devfn: '00.0', function: e1000e({ mem: 0xfdc4_0000, io: 0x3000, rom: 0xfdc0_0000, line: 0x0b }) },
        { devfn: '00.1', function: e1000e({ mem: 0xfdd4_0000, io: 0x3020, rom: 0xfdd0_0000, line: 0x0b }) },
      ],
    },
    {
      ...rootPort(linkActive),
      devfn: '08.0',
      below: [
        {
          kind: 'pcie-to-pci',
          devfn: '00.0',
          below: [
            { devfn: '01.0', function: eduBehindBridge },
            { devfn: '02.0', function: e1000 },
          ],
        },
      ],
    },
    { devfn: '09.0', function: virtioRng },
    { devfn: '1f.0', function: lpc },
    { devfn: '1f.2', function: sata },
    { devfn: '1f.3', function: smbus },
  ],
});

/** Its ports report an active link, and report none for ever after a secondary bus reset. */
export const recorded = machine('recorded', 'stays-down');
/** The same machine with ports that report nothing of their link. */
export const recordedNoLinkActive = machine('recorded-no-link-active', 'none');
