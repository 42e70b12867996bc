/** How the lab works plain functions under vfio-pci itself: two of them, which stand to each other in many ways. */
import type { Fabric } from '../../../sim/fabric.ts';
import { WORKBENCHES } from '../../../sim/machines/workbenches.ts';
import type { MachineDescription } from '../../../sim/pci/description.ts';
import type { PciFunction } from '../../../sim/pci/function.ts';
import { CAP, COMMAND, MSI, MSI_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import { bytesOf, zeroedView } from '../../kernel/bytes.ts';
import type { PciDevice } from '../../kernel/pci/device.ts';
import type { Machine } from '../../machine/machine.ts';
import { VfioPciCoreDevice } from '../../pci-core/core-device.ts';
import { NAME, type VfioPciParameters } from '../../pci-core/vfio-pci.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import type { Args } from '../operations/operation.ts';
import { coreOf } from '../pci/core-of.ts';
import { noteCommand } from '../pci/memory-on.ts';
import { resetsItself, resetsWithBusAlone } from '../reference/resets.ts';
import type { Setting } from '../setting.ts';
import type { Tenant } from '../tenant.ts';
import { WAY_FACTOR, type WayKind } from '../ways/way.ts';
import type { World } from '../world.ts';
import { assigned, bindTo, firstVfs } from './assign-functions.ts';
import type { Assigned, DeviceProfile, Inside, Profiles } from './profile.ts';
import { secretBytes } from './secret.ts';

const FIRST = '0000:01:00.0';
const SECOND = '0000:02:00.0';
/** The secret of users who share a PF and its VFs. */
export const TOKEN = Uint8Array.from({ length: 16 }, (_, i) => 0x10 + 7 * i);

/** Two functions: where they are on which machine, and what they are to each other. */
interface Pair {
  readonly name: string;
  readonly machine: MachineDescription;
  /** The second of several functions in the first tenant's group is bound too. */
  readonly a: string;
  readonly b: string;
  readonly also?: string;
  /** The only way to them; undefined: each. */
  readonly way?: WayKind;
  /** The last who closes one has both reset. */
  readonly together?: true;
  /** VFs of the first function: of a host driver, or of tenant A or B as owner of the PF. */
  readonly vfs?: 'host' | 'A' | 'B';
}

const apart = (name: string, machine: MachineDescription): Pair => ({ name, machine, a: FIRST, b: SECOND });

const PAIRS: readonly Pair[] = [
  apart('functions with everything', WORKBENCHES.plain),
  { ...apart('a PF and its VF', WORKBENCHES.igb), vfs: 'A' },
  { ...apart('a VF and its PF', WORKBENCHES.igb), vfs: 'B' },
  { ...apart('VFs of one PF', WORKBENCHES.igb), vfs: 'host' },
  { ...apart('a PF with one BAR and its VF', WORKBENCHES.nvme), vfs: 'A' },
  apart('without a mask for INTx', WORKBENCHES.noMask),
  apart('an unknown capability first', WORKBENCHES.alien),
  apart('without a reset', WORKBENCHES.noReset),
  apart('small BARs in one page', WORKBENCHES.sharedPage),
  apart('a BAR that the host keeps', WORKBENCHES.claimed),
  { name: 'functions of one slot', machine: WORKBENCHES.slot, a: FIRST, b: '0000:01:00.1' },
  { name: 'two functions in a group', machine: WORKBENCHES.group, a: FIRST, also: '0000:01:00.1', b: SECOND },
  { name: 'I/O BARs, no reset', machine: WORKBENCHES.virtio, a: '0000:00:03.0', b: '0000:00:04.0' },
  { name: 'behind PCI bridges', machine: WORKBENCHES.conventional, a: '0000:02:01.0', b: '0000:04:01.0' },
  // Who owns what is proven by an iommufd.
  {
    name: 'functions that are reset together',
    machine: WORKBENCHES.together,
    a: FIRST,
    b: '0000:01:00.1',
    way: 'cdev',
    together: true,
  },
];

const MODULES: readonly { readonly name: string; readonly parameters: Partial<VfioPciParameters> }[] = [
  { name: 'no parameters', parameters: {} },
  { name: 'disable_idle_d3', parameters: { disable_idle_d3: true } },
  { name: 'nointxmask', parameters: { nointxmask: true } },
];

export const vfioPci: Profiles = {
  factors: [
    { name: 'functions', values: PAIRS.map(({ name }) => name) },
    WAY_FACTOR,
    { name: 'module', values: MODULES.map(({ name }) => name) },
    { name: 'iommu', values: ['an IOMMU', 'none'] },
  ],
  profile: profileIn,
};

/** Kept with a tenant: what its hardware sends through. */
interface Sender {
  readonly fabric: Fabric;
}

/** Work of the device: it copies memory, or fills some. */
const KINDS = { COPY: 0, FILL: 1 } as const;
/** Bytes of one piece of work at most. */
const MOST_BYTES = 0x2000;

function submit({ fn, inner }: Tenant, { kind, source, target, length }: Args): number {
  const { fabric } = inner as Sender;
  if (!fn!.mayRequest || length === 0) return 0;
  if (kind === KINDS.FILL) {
    const word = zeroedView(4);
    word.setUint32(0, source! >>> 0, true);
    return fabric.write(fn!, target!, bytesOf(word)) ? 4 : 0;
  }
  const bytes = new Uint8Array(Math.min(length!, MOST_BYTES));
  if (!fabric.read(fn!, source!, bytes)) return 0;
  const done = fabric.write(fn!, target!, bytes) ? 1 : 0;
  return bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 1, done);
}

/** IOVA of the page that a tenant maps at once. */
const FIRST_IOVA = 0x10_0000;

function prepare(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER);
  noteCommand(tenant);
  if (world.profile.dma !== undefined && !tenant.shadow.overlaps(FIRST_IOVA, 4096))
    if (tenant.way.map(tenant.buffer, FIRST_IOVA, 4096, 3) === 0)
      tenant.shadow.insert({ start: FIRST_IOVA, length: 4096, vaddr: tenant.buffer, flags: 3 });
  const bytes = secretBytes(world.content(tenant, 0x1234));
  for (let page = 0; page < 3; page++) tenant.process.memory.write(tenant.buffer + page * 4096, bytes);
}

function release(machine: Machine, device: PciDevice): void {
  machine.kernel.run(machine.kernel.bus.unbind(device));
}

/** The pair's functions, bound to vfio-pci. */
function functionsOf(machine: Machine, pair: Pair): readonly [PciDevice, PciDevice] {
  const named = (bdf: string): PciDevice => machine.kernel.bus.devices.get(bdf)!;
  const first = named(pair.a);
  if (pair.vfs === 'host') {
    const vfs = firstVfs(machine, pair.a, 2);
    bindTo(machine, NAME, vfs);
    return vfs;
  }
  const mine = [pair.a, ...(pair.also ? [pair.also] : []), ...(pair.vfs ? [] : [pair.b])].map(named);
  for (const device of mine) release(machine, device);
  bindTo(machine, NAME, mine);
  if (pair.vfs === undefined) return [first, named(pair.b)];
  const [vf] = firstVfs(machine, pair.a, 2);
  coreOf(machine, pair.a)!.vfToken!.uuid = TOKEN.slice();
  return pair.vfs === 'A' ? [first, vf] : [vf, first];
}

function waiting(machine: Machine, device: PciDevice, shares: boolean): Assigned {
  const inner: Sender = { fabric: machine.hardware.fabric };
  const token = shares ? { token: TOKEN } : {};
  if (device.group !== undefined) return { ...assigned(machine, device), ...token, inner };
  const known = machine.vfio.deviceNamed(device.name)!;
  const group = known.group!.path.slice('/dev/vfio/'.length);
  return { name: device.name, group, cdev: `noiommu-vfio${known.index}`, fn: device.function, ...token, inner };
}

function profileIn(setting: Setting): DeviceProfile {
  const pair = PAIRS[setting['functions'] ?? 0]!;
  const { parameters } = MODULES[setting['module'] ?? 0]!;
  const kind = pair.way ?? WAY_FACTOR.kinds[setting['way'] ?? 0]!;
  const noiommu = setting['iommu'] === 1;
  // Without an IOMMU there is nothing to map, in a container or elsewhere.
  const way = noiommu && kind !== 'cdev' ? 'noiommu' : kind;
  return {
    machine: noiommu ? { ...pair.machine, iommu: undefined } : pair.machine,
    way,
    kind: 'function',
    migrationFlags: 0,
    logging: false,
    load: () => ({ vfioPci: parameters, noiommu }),
    assign(machine) {
      const [a, b] = functionsOf(machine, pair);
      const shares = pair.vfs === 'A' || pair.vfs === 'B';
      return { a: waiting(machine, a, shares), b: waiting(machine, b, shares), inside: inside(machine) };
    },
    pci: {
      trusting: pair.vfs === 'A' || pair.together === true,
      vfs: pair.vfs !== undefined,
      resets: ({ fn }, topology) => resetsItself(fn!) || resetsWithBusAlone(fn!, topology),
    },
    ...(noiommu ? {} : { dma: { kinds: 2, fill: KINDS.FILL, submit } }),
    guarded: { what: 'nothing', value: () => 0 },
    streamErrnos: new Set(),
    prepare,
    sample: () => new Uint8Array(),
    disturb: () => 0,
    host: look,
    memoryPages: 3,
  };
}

/** What an administrator sees of tenant B's function, and of the machine. */
function look({ machine, b }: World, what: number): Uint8Array {
  const { config, physical, present, powerState } = b.fn!;
  if (what === 0) return config.bytes.subarray(0, PCI.STD_HEADER_SIZEOF);
  if (what === 1) return (physical ?? b.fn!).config.bytes.subarray(0, PCI.STD_HEADER_SIZEOF);
  const device = machine.kernel.bus.devices.get(b.bdf);
  if (what === 2) return Uint8Array.of(present ? 1 : 0, device?.driver === undefined ? 0 : 1, device?.numVfs ?? 0);
  return Uint8Array.of(device?.group?.ownerCount ?? 0, powerState);
}

/** Configuration space, but for the message that the host chose: which vector a function gets depends on who asked before. */
function functionState(fn: PciFunction): Uint8Array {
  const at = fn.capability(CAP.MSI);
  if (at === 0) return fn.config.bytes;
  const bytes = fn.config.bytes.slice();
  const wide = bytes[at + MSI.FLAGS]! & MSI_FLAGS.X64BIT;
  return bytes.fill(0, at + MSI.ADDRESS_LO, at + (wide ? MSI.DATA_64 : MSI.DATA_32) + 2);
}

/** Who keeps a device awake, but for the user who has it open and did not let it sleep. */
function awakeFor({ power, isOpen, disableIdleD3 }: VfioPciCoreDevice): number {
  return power.userCount - (isOpen && !disableIdleD3 ? 1 : 0) + (power.engaged ? 1 : 0);
}

function inside(machine: Machine): Inside {
  return {
    digest: ({ fn }) => functionState(fn!),
    resources() {
      const cores = [...machine.kernel.bus.devices.values()]
        .map(({ driverData }) => driverData)
        .filter((data) => data instanceof VfioPciCoreDevice);
      const count = (of: (core: VfioPciCoreDevice) => number): number => cores.reduce((sum, core) => sum + of(core), 0);
      return {
        'interrupt vectors': machine.hardware.fabric.interrupts.used,
        ioeventfds: count(({ ioeventfds }) => ioeventfds.size),
        'dma-bufs': count(({ dmaBufs }) => dmaBufs?.size ?? 0),
        'users of power': count(awakeFor),
        'mapped BARs': count(({ mappings }) => mappings.size),
      };
    },
    sessions: () => 0,
    illegal: () => [],
    onTouch: () => {},
  };
}
