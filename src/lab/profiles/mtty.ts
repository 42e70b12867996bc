/** How the lab works mtty's serial cards: the administrator makes one for each tenant, and one nobody opens. */
import { bareMachine } from '../../../sim/machines/bare.ts';
import type { Mtty } from '../../../variants/mtty/device.ts';
import { FORMAT, SAFEGUARDS } from '../../../variants/mtty/format.ts';
import { mtty as variant } from '../../../variants/mtty/index.ts';
import { FIFO } from '../../../variants/mtty/registers.ts';
import { viewOf } from '../../kernel/bytes.ts';
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
const REG = { DATA: 0, IER: 1, FCR: 2, LCR: 3, MCR: 4, LSR: 5, SCRATCH: 7 } as const;
const DLAB = 0x80;
const WORKING = [
  [REG.LCR, DLAB],
  [REG.DATA, 0x34],
  [REG.IER, 0x12],
  [REG.LCR, 0x03],
  [REG.DATA, 0x41],
] as const;
/** Registers and values; a FIFO of one byte overruns with the second. */
const DISTURBING = [
  [REG.IER, 0],
  [REG.FCR, 0x06],
  [REG.LCR, DLAB],
  [REG.DATA, 0x5a],
  [REG.IER, 0xa5],
  [REG.LCR, 0x1b],
  [REG.MCR, 0x04],
  [REG.SCRATCH, 0xc3],
  [REG.DATA, 0x77],
  [REG.DATA, 0x78],
] as const;
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

/** Everything of the ports, and configuration space: by the fields, so that what a port forgets to save shows. */
function digestOf({ ports, config }: Mtty): Uint8Array {
  const parts: Uint8Array[] = [config.bytes.subarray(0, CONFIG_BYTES)];
  for (const { registers, fifo, head, tail, count, overrun, divisor, fcr, size, level } of ports) {
    const numbers = [head, tail, count, Number(overrun), divisor & 0xff, divisor >>> 8, fcr, size, level];
    parts.push(registers, fifo, Uint8Array.from(numbers));
  }
  return Buffer.concat(parts);
}

/** Bytes out and in, the divisor, and every register: what was loaded shows in one of them. */
function afterLoad(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  for (let port = 0; port < PORTS; port++) {
    // First as it was loaded: these go where head and tail point.
    device.write(port, REG.DATA, 1, 0);
    for (let i = 0; i < 3; i++) world.observe(tenant, device.read(port, REG.DATA, 1));
    for (let register = 1; register < 8; register++) world.observe(tenant, device.read(port, register, 1));
    const line = device.read(port, REG.LCR, 1);
    for (const access of [line & ~DLAB, line | DLAB]) {
      device.write(port, REG.LCR, 1, access);
      for (let i = 0; i < 2; i++) world.observe(tenant, device.read(port, i, 1));
    }
    device.write(port, REG.LCR, 1, line);
  }
}

/** A byte on its way through each port, and a divisor whose halves differ. */
function work({ device }: Tenant): void {
  for (let port = 0; port < PORTS; port++)
    for (const [register, value] of WORKING) device!.write(port, register, 1, value);
}

/** Other bytes in every register, in the divisor, and in a FIFO of another size. */
function disturb({ device }: Tenant): number {
  for (let port = 0; port < PORTS; port++) {
    for (const [register, value] of DISTURBING) device!.write(port, register, 1, value);
  }
  return 0;
}

function impossible({ ports }: Mtty): string | undefined {
  const wrong = ports.find(({ head, tail, count }) => head >= FIFO || tail >= FIFO || count > FIFO);
  if (wrong !== undefined) return `head ${wrong.head}, tail ${wrong.tail}, ${wrong.count} bytes in a FIFO of ${FIFO}`;
  const odd = ports.find(({ size }) => size !== 1 && size !== FIFO);
  return odd && `a FIFO that takes ${odd.size} bytes`;
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
        impossible: (tenant) => impossible(card(tenant)),
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
    loadsAtEnd: true,
    guarded: { what: 'what is not the user’s to write', value: fixedConfig },
    streamErrnos: declaredErrnos(variant.declaration),
    streamBytes: FORMAT.size(PORTS),
    refusedFirst: SAFEGUARDS.FITS.errno,
    prepare,

    afterLoad,
    work,
    disturb,

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
