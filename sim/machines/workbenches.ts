/** Small machines with two functions each, for two tenants: one for every way in which functions stand to each other. */
import { e1000e } from '../devices/e1000e/description.ts';
import { edu } from '../devices/edu/description.ts';
import { igb } from '../devices/igb/description.ts';
import { nvme } from '../devices/nvme/description.ts';
import { virtioRng } from '../devices/virtio-rng/description.ts';
import {
  alienFirst,
  claimedBar,
  resetTogether,
  sharedPage,
  withoutIntxMask,
  withoutReset,
  workbench,
} from '../devices/workbench/description.ts';
import type { FunctionDescription, MachineDescription, SlotDescription } from '../pci/description.ts';
import { vtd } from './recorded.ts';

/** Isolates what is below it, and its link comes back after a reset. */
const port = (device: number, below: readonly SlotDescription[]): SlotDescription => ({
  kind: 'root-port',
  acs: 0x1d,
  linkActive: 'returns',
  devfn: `0${device}.0`,
  below,
});
const alone = (description: FunctionDescription): readonly SlotDescription[] => [
  { devfn: '00.0', function: description },
];
const machine = (name: string, root: readonly SlotDescription[]): MachineDescription => ({ name, iommu: vtd, root });

/** Each behind a port of its own. */
const apart = (name: string, a: FunctionDescription, b = a): MachineDescription =>
  machine(name, [port(1, alone(a)), port(2, alone(b))]);

const ethernet = (mem: number, io: number, isolated: boolean): FunctionDescription => {
  const description = e1000e({ mem, io, rom: mem - 0x4_0000, line: 0x0b });
  // Access control services: the functions of the device cannot reach each other inside it.
  return isolated
    ? { ...description, capabilities: [...description.capabilities!, { kind: 'acs', at: 0x150, body: '1d00' }] }
    : description;
};
const slot = (isolated: boolean): readonly SlotDescription[] => [
  { devfn: '00.0', function: ethernet(0xfdc4_0000, 0x3000, isolated) },
  { devfn: '00.1', function: ethernet(0xfdd4_0000, 0x3020, isolated) },
];
/** Firmware’s places are those of another edu. */
const eduAnywhere: FunctionDescription = { ...edu, bars: [{ index: 0, kind: 'mem32', size: 0x10_0000 }] };
const virtioAnywhere: FunctionDescription = {
  ...virtioRng,
  bars: virtioRng.bars!.map(({ address: _, ...bar }) => bar),
};

export const WORKBENCHES = {
  plain: apart('workbench', workbench),
  noMask: apart('workbench-no-intx-mask', withoutIntxMask),
  alien: apart('workbench-alien-capability', alienFirst),
  noReset: apart('workbench-no-reset', withoutReset),
  sharedPage: apart('workbench-shared-page', sharedPage(0), sharedPage(1)),
  claimed: apart('workbench-claimed-bar', claimedBar),
  igb: apart('workbench-igb', igb, edu),
  nvme: apart('workbench-nvme', nvme, edu),
  /** Two functions that only a reset of their bus resets, each in a group of its own. */
  slot: machine('workbench-slot', [port(1, slot(true))]),
  /** The same, and none of them has a reset of its own. */
  together: machine('workbench-reset-together', [
    port(1, [
      { devfn: '00.0', function: resetTogether },
      { devfn: '00.1', function: resetTogether },
    ]),
  ]),
  /** Such functions in one group, and a third function elsewhere. */
  group: machine('workbench-group', [port(1, slot(false)), port(2, alone(edu))]),
  virtio: machine('workbench-virtio', [
    { devfn: '03.0', function: virtioAnywhere },
    { devfn: '04.0', function: virtioAnywhere },
  ]),
  /** Behind a PCI bridge requests carry the bridge's id. */
  conventional: machine('workbench-conventional', [
    port(1, [{ kind: 'pcie-to-pci', devfn: '00.0', below: [{ devfn: '01.0', function: eduAnywhere }] }]),
    port(2, [{ kind: 'pcie-to-pci', devfn: '00.0', below: [{ devfn: '01.0', function: eduAnywhere }] }]),
  ]),
} as const;
