/** How the lab works mtty's serial cards: the administrator makes one for each tenant, and one nobody opens. */
import { bareMachine } from '../../../sim/machines/bare.ts';
import type { Mtty } from '../../../variants/mtty/device.ts';
import { FORMAT, SAFEGUARDS } from '../../../variants/mtty/format.ts';
import { mtty as variant } from '../../../variants/mtty/index.ts';
import { viewOf, zeroedBytes } from '../../kernel/bytes.ts';
import type { Process } from '../../kernel/process.ts';
import type { Machine } from '../../machine/machine.ts';
import { cdevName } from '../../vfio/cdev.ts';
import type { Setting } from '../setting.ts';
import type { Tenant } from '../tenant.ts';
import { WAY_FACTOR } from '../ways/way.ts';
import type { World } from '../world.ts';
import type { Assigned, DeviceProfile, Inside, Profiles } from './profile.ts';
import { savedSample } from './saved-sample.ts';
import { secretBytes } from './secret.ts';
import { declaredErrnos } from './stream-errnos.ts';

const TYPE = '/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-2';
const PORTS = 2;
const UUIDS = [0xa, 0xb, 0xc].map((digit) => `83b8f4f2-509f-382f-3c1e-e6bfe0fa100${digit.toString(16)}`);
const REG = { DATA: 0, FCR: 2, SCRATCH: 7 } as const;
const FIFO_ON = 1;
/** Configuration bytes, and those of them a user may write: six BARs, the interrupt line. */
const CONFIG_BYTES = 0x100;
const BARS = [0x10, 0x28] as const;
const INTERRUPT_LINE = 0x3c;

/** The host's side of the machine: the card nobody opens, and memory for calls. */
interface SerialInside extends Inside {
  readonly unused: Mtty;
  readonly memory: number;
}

function prepare(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  // SET_IRQS is held against the number that GET_INFO tells.
  device.info();
  const [scratch, first, second] = secretBytes(world.content(tenant, 0x1234));
  for (let port = 0; port < PORTS; port++) {
    device.write(port, REG.FCR, 1, FIFO_ON);
    device.write(port, REG.SCRATCH, 1, scratch!);
    device.write(port, REG.DATA, 1, first!);
    device.write(port, REG.DATA, 1, second!);
  }
}

/** Creates a card by its UUID, through sysfs. */
function create(machine: Machine, host: Process, memory: number, uuid: string): Assigned {
  const fd = host.open(`${TYPE}/create`, { read: false, write: true, nonblock: false });
  host.memory.write(memory, Buffer.from(uuid));
  host.write(fd, memory, uuid.length);
  host.close(fd);
  const device = machine.vfio.deviceNamed(uuid);
  if (device === undefined) throw new Error(`mtty made no device ${uuid}`);
  return { name: uuid, group: device.group!.id, cdev: cdevName(device), fn: undefined, inner: device.data };
}

const card = ({ inner }: { readonly inner?: unknown }): Mtty => inner as Mtty;

/** Ports, configuration space and migration state. */
function digestOf({ ports, config, state }: Mtty): Uint8Array {
  const bytes = zeroedBytes(FORMAT.size(ports.length) + CONFIG_BYTES + 1);
  for (const [index, port] of ports.entries()) port.save(FORMAT.part(bytes, index));
  bytes.set(config.bytes.subarray(0, CONFIG_BYTES), FORMAT.size(ports.length));
  bytes[bytes.length - 1] = state;
  return bytes;
}

/** A checksum of the configuration bytes that are not the user's to write. */
function fixedConfig(tenant: Tenant): number {
  const view = viewOf(card(tenant).config.bytes);
  let sum = 0;
  for (let at = 0; at < CONFIG_BYTES; at += 4) {
    if (at >= BARS[0] && at < BARS[1]) continue;
    const word = view.getUint32(at, true);
    sum = (Math.imul(sum, 31) + (at === INTERRUPT_LINE ? word >>> 8 : word)) | 0;
  }
  return sum;
}

export const mtty: Profiles = { factors: [WAY_FACTOR], profile: profileIn };

function profileIn(setting: Setting): DeviceProfile {
  let sample: Uint8Array | undefined;
  return {
    machine: bareMachine,
    way: WAY_FACTOR.kinds[setting.way ?? 0]!,
    migrationFlags: variant.declaration.migrationFlags,
    logging: false,
    load: () => ({ modules: [variant.load] }),
    assign(machine, host) {
      const memory = host.memory.allocate(4096);
      const [a, b, unused] = UUIDS.map((uuid) => create(machine, host, memory, uuid));
      const cards = [a!, b!, unused!].map(card);
      const inside: SerialInside = {
        digest: (tenant) => digestOf(card(tenant)),
        resources: () => ({ sessions: cards.filter(({ saving, resuming }) => saving ?? resuming).length }),
        sessions: () => 0,
        illegal: () => [],
        onTouch: () => {},
        unused: card(unused!),
        memory,
      };
      return { a: a!, b: b!, inside };
    },
    kind: 'emulated',
    serial: { ports: PORTS },
    keepsState: true,
    guarded: { what: 'what is not the user’s to write', value: fixedConfig },
    streamErrnos: declaredErrnos(variant.declaration),
    streamBytes: FORMAT.size(PORTS),
    refusedFirst: SAFEGUARDS.FITS.errno,
    prepare,

    // A byte in and a byte out: these go where head and tail point.
    afterLoad({ device }) {
      for (let port = 0; port < PORTS; port++) {
        device!.write(port, REG.DATA, 1, 0);
        device!.read(port, REG.DATA, 1);
      }
    },

    sample({ subject, setting }) {
      sample ??= savedSample(subject, setting);
      return sample;
    },

    host({ host, inside, b }, what) {
      const { unused, memory } = inside as SerialInside;
      if (what === 0) return digestOf(unused);
      if (what === 1) return Uint8Array.of(unused.vdev.openCount, card(b).vdev.openCount);
      if (what === 2) return Buffer.from(String(host.readdir('/sys/bus/mdev/devices')));
      const fd = host.open(`${TYPE}/available_instances`);
      const count = host.read(fd, memory, 16);
      host.close(fd);
      return host.memory.read(memory, Math.max(0, count))!;
    },
  };
}
