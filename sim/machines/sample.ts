/** A machine with two tally devices, each behind a root port and so in an IOMMU group of its own. */
import { SAMPLE_DESCRIPTION } from '../devices/sample/description.ts';
import type { MachineDescription, SlotDescription } from '../pci/description.ts';
import { vtd } from './recorded.ts';

const slot = (devfn: string): SlotDescription => ({
  kind: 'root-port',
  devfn,
  acs: 0x1d,
  below: [{ devfn: '00.0', function: SAMPLE_DESCRIPTION }],
});

/** The devices are 0000:01:00.0 and 0000:02:00.0. */
export const sampleMachine: MachineDescription = { name: 'sample', iommu: vtd, root: [slot('01.0'), slot('02.0')] };
