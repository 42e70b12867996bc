/** The subject of somebody who brings a variant for PCI functions: all that the lab can find out itself is optional. */
import type { ModelTable } from '../../../sim/hardware.ts';
import type { MachineDescription } from '../../../sim/pci/description.ts';
import { COMMAND, PCI } from '../../../sim/pci/registers.ts';
import type { DeviceClient } from '../../client/device.ts';
import { Machine } from '../../machine/machine.ts';
import { PCI_REGION } from '../../uapi/vfio.ts';
import type { VariantModule } from '../../variant/variant.ts';
import { type Subject, subjectOf } from '../subject.ts';
import type { Tenant } from '../tenant.ts';
import { WAY_FACTOR } from '../ways/way.ts';
import type { World } from '../world.ts';
import { assigned, bindTo, firstVfs } from './assign-functions.ts';
import { guardedOf, registersOf, vectorsOf } from './function-defaults.ts';
import { plainState } from './plain-state.ts';
import type { DeviceProfile, Inside, Profiles, Site } from './profile.ts';
import { savedSample } from './saved-sample.ts';
import { secretBytes } from './secret.ts';
import { declaredErrnos } from './stream-errnos.ts';

/** Which functions the two tenants get: two by their addresses, or the first two VFs of a PF. */
export type Functions = readonly [a: string, b: string] | { readonly vfsOf: string; readonly count?: number };

/** What of a profile may be given, and follows from declaration and hardware if it is not. */
type Derived =
  | 'registers'
  | 'vectors'
  | 'guarded'
  | 'streamErrnos'
  | 'unreachable'
  | 'streamBytes'
  | 'refusedFirst'
  | 'keepsState'
  | 'dma'
  | 'memoryPages'
  | 'failures'
  | 'outage'
  | 'loadsAtEnd'
  | 'staysRefused'
  | 'tellsNoMore'
  | 'forge'
  | 'work'
  | 'unfinished'
  | 'host';

/** A variant, a machine with devices for it, and how a tenant makes one ready. */
export interface FunctionSubject extends Partial<Pick<DeviceProfile, Derived>> {
  readonly variant: VariantModule;
  /** A machine on which the variant finds its devices. */
  readonly machine: MachineDescription;
  readonly functions: Functions;
  /** Models that the machine names and vfiolab does not bring. */
  readonly models?: ModelTable;
  /**
   * Makes an open device ready to work, after open and after a reset; memory and bus mastering are enabled. What is
   * written from the 128 bytes of `secret` is what must not be seen by the other tenant.
   */
  prepare?(device: DeviceClient, secret: Uint8Array, tenant: Tenant): void;
  /** Uses the device right after a load, so that all that was loaded has an effect. */
  afterLoad?(device: DeviceClient, tenant: Tenant): void;
  /** Makes the running device another one than it was: what was saved must come back from the stream alone. */
  disturb?(device: DeviceClient, tenant: Tenant): void;
  /** Every bit of state of a device, in a form that compares; the plain fields of its model if not given. */
  digest?(tenant: Tenant): Uint8Array;
  /** What of a device's state no device of its kind comes to by itself, in words. */
  impossible?(tenant: Tenant): string | undefined;
  /** What else checks may look at; devices with a parent say here what it holds for them. */
  readonly inside?: Partial<Omit<Inside, 'digest' | 'impossible'>> | ((machine: Machine) => Partial<Inside>);
}

/** A subject from as little as that. */
export function functionSubject(description: FunctionSubject): Subject {
  return subjectOf(description.variant, profilesOf(description));
}

const SECRET = 0x1234;
const nothing = (): void => {};

function profilesOf(description: FunctionSubject): Profiles {
  let known: DeviceProfile | undefined;
  // What the hardware tells is the same however the tenants come to it.
  const plain = (): DeviceProfile => (known ??= profileOf(description));
  return {
    factors: [WAY_FACTOR],
    profile: ({ way = 0 }) => (way === 0 ? plain() : { ...plain(), way: WAY_FACTOR.kinds[way]! }),
  };
}

function profileOf(description: FunctionSubject): DeviceProfile {
  const { variant, machine, models = {} } = description;
  const { afterLoad, disturb, prepare } = description;
  const { migrationFlags, dirtyLogging } = variant.declaration;
  const load = () => ({ variants: [variant], models });
  const assign = (booted: Machine): Site => siteOf(booted, description);
  const probe = new Machine(machine, load());
  const { template } = assign(probe).a.fn!;
  probe.dispose();
  let stream: Uint8Array | undefined;
  return {
    machine,
    way: WAY_FACTOR.kinds[0]!,
    migrationFlags,
    logging: dirtyLogging,
    load,
    assign,
    kind: 'function',
    ...registersOf(template),
    ...vectorsOf(template),
    guarded: guardedOf(template),
    streamErrnos: declaredErrnos(variant.declaration),
    ...given(description),
    prepare(tenant, world) {
      const device = tenant.device!;
      device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
      prepare?.(device, secretBytes(world.content(tenant, SECRET)), tenant);
    },
    disturb(tenant) {
      disturb?.(tenant.device!, tenant);
      return 0;
    },
    ...(afterLoad && { afterLoad: (tenant: Tenant) => afterLoad(tenant.device!, tenant) }),
    sample({ subject, setting }) {
      stream ??= savedSample(subject, setting);
      return stream;
    },
    host: description.host ?? hostView,
  };
}

const GIVEN: readonly Exclude<Derived, 'host'>[] = [
  'registers',
  'vectors',
  'guarded',
  'streamErrnos',
  'unreachable',
  'streamBytes',
  'refusedFirst',
  'keepsState',
  'dma',
  'memoryPages',
  'failures',
  'outage',
  'loadsAtEnd',
  'staysRefused',
  'tellsNoMore',
  'forge',
  'work',
  'unfinished',
];

const given = (description: FunctionSubject): Partial<DeviceProfile> =>
  Object.fromEntries(GIVEN.filter((name) => description[name] !== undefined).map((name) => [name, description[name]]));

function siteOf(machine: Machine, { variant, functions, digest, impossible, inside = {} }: FunctionSubject): Site {
  const { devices } = machine.kernel.bus;
  const [a, b] =
    'vfsOf' in functions
      ? firstVfs(machine, functions.vfsOf, functions.count ?? 2)
      : functions.map((name) => {
          const device = devices.get(name);
          if (device === undefined) throw new Error(`${machine.description.name} has no function ${name}`);
          return device;
        });
  bindTo(machine, variant.declaration.driver, [a!, b!]);
  return {
    a: assigned(machine, a!),
    b: assigned(machine, b!),
    inside: {
      digest: digest ?? (({ fn }) => plainState(fn!.model)),
      ...(impossible && { impossible }),
      resources: () => ({}),
      sessions: () => 0,
      illegal: () => [],
      onTouch: nothing,
      ...(typeof inside === 'function' ? inside(machine) : inside),
    },
  };
}

/** What an administrator sees of the neighbour: its header, its state, whether it is there and who owns its DMA. */
function hostView(world: World, what: number): Uint8Array {
  const { b, machine } = world;
  const fn = b.fn!;
  // The header only: which vector of the host a device gets depends on who asked before.
  if (what < 2) return fn.config.bytes.subarray(0, PCI.STD_HEADER_SIZEOF);
  if (what === 2) return world.inside.digest(b);
  return Uint8Array.of(fn.present ? 1 : 0, machine.kernel.bus.devices.get(b.bdf)!.group!.ownerCount);
}
