/** The machine on which the golden traces were recorded: q35 with an Intel IOMMU in legacy mode. */
import { edu } from '../devices/edu/description.ts';
import { igb } from '../devices/igb/description.ts';
import type { IommuDescription, MachineDescription } from '../pci/description.ts';

/** VT-d with 48-bit domains and 4 KiB, 2 MiB and 1 GiB pages, interrupt remapping on; no snoop control, no dirty bits. */
export const vtd: IommuDescription = {
  aperture: [0, 2 ** 48 - 1],
  pageSizes: [0x1000, 0x20_0000, 0x4000_0000],
  interruptRemapping: true,
  enforceCoherency: false,
};

/** A root port as the recorded machine's: ACS complete, ARI forwarding. */
const PORT = { kind: 'root-port', acs: 0x1d, ariForwarding: true, linkActive: 'stays-down' } as const;

/** edu at 0000:00:03.0, igb at 0000:01:00.0. */
export const recorded: MachineDescription = {
  name: 'recorded',
  iommu: vtd,
  root: [
    { devfn: '03.0', function: edu },
    { ...PORT, devfn: '04.0', below: [{ devfn: '00.0', function: igb }] },
  ],
};
