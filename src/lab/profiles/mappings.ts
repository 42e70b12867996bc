/** Two subjects without a variant: DMA mappings as users of type1, and of iommufd, make them. */

import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { Capability } from '../../kernel/process.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import type { DeclaredVariant } from '../../variant/variant.ts';
import { pinnerOf } from '../bench/bench.ts';
import { benchMachine, OWN, Probe } from '../bench/machine.ts';
import { pinners } from '../bench/pinner.ts';
import type { Factor, Setting } from '../setting.ts';
import { WAY_FACTOR, type WayKind } from '../ways/way.ts';
import { assigned, bindTo } from './assign-functions.ts';
import type { DeviceProfile, Profiles } from './profile.ts';

/** Who the tenants are: nobody special, or root. */
const CAPABILITIES: readonly (readonly Capability[])[] = [
  [],
  ['CAP_SYS_RAWIO', 'CAP_IPC_LOCK', 'CAP_SYS_RESOURCE', 'CAP_SYS_ADMIN'],
  ['CAP_IPC_LOCK'],
  ['CAP_SYS_RESOURCE'],
];
const APERTURES: readonly (readonly [number, number])[] = [
  [0, 2 ** 48 - 1],
  [0, 2 ** 39 - 1],
  [0x1000_0000, 2 ** 32 - 1],
];
const PAGE_SIZES: readonly (readonly number[])[] = [[0x1000, 0x20_0000, 0x4000_0000], [0x1000]];
/** Mappings of a container with type1: few, so that the limit is met. */
const ENTRY_LIMIT = 4;

const FACTORS: readonly Factor[] = [
  { name: 'tenants', values: ['without privileges', 'root', 'may lock memory', 'each process pays for itself'] },
  { name: 'aperture', values: ['48 bits', '39 bits', '256 MiB to 4 GiB'] },
  { name: 'pages', values: ['4 KiB, 2 MiB, 1 GiB', '4 KiB'] },
  { name: 'coherency', values: ['enforced', 'not enforced'] },
  { name: 'iommu', values: ['all abilities', 'translation only'] },
];

/** What stands beside the mappings only takes time. */
const WITHOUT: ReadonlySet<string> = new Set([
  'config_read',
  'config_write',
  'mmap',
  'set_irqs_odd',
  'events',
  'reset',
  'flr',
  'close',
  'open',
  'open_again',
  'leave_container',
  'unset_container',
  'info',
  'wait',
  // Here calls fail as they are made: an argument of theirs says so.
  'failing',
]);

function declared(name: string, title: string): DeclaredVariant {
  return {
    name,
    declaration: {
      driver: 'vfio-pci',
      title,
      summary: title,
      ids: [],
      overrides: [],
      migrationFlags: 0,
      dirtyLogging: false,
      parent: undefined,
      formats: [],
      consumption: '',
      regions: [],
      inputs: [],
      safeguards: [],
    },
  };
}

export const TYPE1 = declared('type1', 'DMA mappings by a container with type1');
export const IOMMUFD = declared('iommufd', 'DMA mappings by an iommufd');

const waysOf = (...kinds: readonly WayKind[]): Factor & { readonly kinds: readonly WayKind[] } => ({
  name: WAY_FACTOR.name,
  values: kinds.map((kind) => WAY_FACTOR.values[WAY_FACTOR.kinds.indexOf(kind)]!),
  kinds,
});
const TYPE1_WAYS = waysOf('type1v2', 'type1');
const IOMMUFD_WAYS = waysOf('cdev', 'compat');

export const type1: Profiles = {
  factors: [TYPE1_WAYS, ...FACTORS.slice(0, 4)],
  profile: (setting) => profileIn(setting, TYPE1_WAYS.kinds[setting.way ?? 0]!),
};

export const iommufd: Profiles = {
  factors: [IOMMUFD_WAYS, ...FACTORS],
  profile: (setting) => profileIn(setting, IOMMUFD_WAYS.kinds[setting.way ?? 0]!),
};

function profileIn(setting: Setting, way: WayKind): DeviceProfile {
  const features = {
    aperture: APERTURES[setting.aperture ?? 0]!,
    pageSizes: PAGE_SIZES[setting.pages ?? 0]!,
    rich: !setting.iommu,
    coherent: !setting.coherency,
  };
  const nothing = new Uint8Array();
  return {
    machine: benchMachine(features),
    way,
    bench: { capabilities: CAPABILITIES[setting.tenants ?? 0]!, entryLimit: ENTRY_LIMIT },
    without: WITHOUT,
    migrationFlags: 0,
    logging: false,
    load: () => ({
      models: { probe: (ports) => new Probe(ports) },
      modules: [pinners([pinnerOf('A')])],
    }),
    assign(machine) {
      const devices = OWN.map((bdf) => machine.kernel.bus.devices.get(bdf)!);
      bindTo(machine, 'vfio-pci', devices);
      const inside = {
        digest: () => nothing,
        resources: () => ({}),
        sessions: () => 0,
        illegal: () => [],
        onTouch: () => {},
      };
      return { a: assigned(machine, devices[0]!), b: assigned(machine, devices[1]!), inside };
    },
    kind: 'function',
    guarded: { what: 'nothing', value: () => 0 },
    streamErrnos: new Set(),
    prepare(tenant) {
      tenant.device!.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
      tenant.bench?.mapDevice(tenant.device!.fd);
      tenant.bench?.iommufd?.exportBar(tenant.device!);
    },
    sample: () => nothing,
    disturb: () => 0,
    host(world, what) {
      const { tenants } = world;
      if (what === 0) return Uint8Array.from(tenants, ({ fn }) => fn!.config.bytes[0]!);
      const device = world.b.bench!.devices[0]!;
      return Uint8Array.of(world.machine.kernel.bus.devices.get(device.name)!.group!.ownerCount);
    },
  };
}
