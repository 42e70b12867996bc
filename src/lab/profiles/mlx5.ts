/** How the lab works a ConnectX-like VF: two queues whose jobs move memory, device memory to hide secrets in. */

import { CMD_OP } from '../../../sim/devices/mlx5/commands/opcodes.ts';
import { type Capabilities, mlx5Models, type PfModel, type VfModel } from '../../../sim/devices/mlx5/index.ts';
import {
  ICM_PAGE,
  ICM_WINDOW_AT,
  Q,
  QUEUE_BASE,
  QUEUE_STRIDE,
  VF_REG,
} from '../../../sim/devices/mlx5/vf-registers.ts';
import { mlx5Machine } from '../../../sim/machines/mlx5.ts';
import { CAP, COMMAND, MSIX, PCI } from '../../../sim/pci/registers.ts';
import { type Mlx5Core, mlx5 as variant } from '../../../variants/mlx5/index.ts';
import { SIZES } from '../../../variants/mlx5/save/start.ts';
import { setNumber64 } from '../../client/container.ts';
import type { Machine } from '../../machine/machine.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { MIGRATION, PCI_IRQ, PCI_REGION } from '../../uapi/vfio.ts';
import type { Setting } from '../setting.ts';
import { type Tenant, VECTORS } from '../tenant.ts';
import { WAY_FACTOR } from '../ways/way.ts';
import type { World } from '../world.ts';
import { assigned, bindTo, firstVfs } from './assign-functions.ts';
import { forgeImage } from './mlx5-image.ts';
import {
  afterLoad,
  completionsAt,
  disturb,
  ENTRIES,
  OFFSETS,
  RING_IOVA,
  ringAt,
  setUp,
  submit,
  unfinished,
  work,
} from './mlx5-use.ts';
import type { DeviceProfile, Inside, Profiles } from './profile.ts';
import { savedSample } from './saved-sample.ts';
import { secretBytes } from './secret.ts';
import { declaredErrnos } from './stream-errnos.ts';

const PHYSICAL = '0000:01:00.0';
const DRIVER = 'mlx5-vfio-pci';

function prepare(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  const { scratch } = tenant;
  tenant.posted.fill(0);
  device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
  if (!tenant.shadow.overlaps(RING_IOVA, 4096) && tenant.way.map(tenant.buffer, RING_IOVA, 4096, 3) === 0)
    tenant.shadow.insert({ start: RING_IOVA, length: 4096, vaddr: tenant.buffer, flags: 3 });
  for (let queue = 0; queue < 2; queue++) {
    const view = scratch.begin(64);
    setNumber64(view, 0, RING_IOVA + completionsAt(queue));
    view.setUint32(8, queue, true);
    const at = QUEUE_BASE + queue * QUEUE_STRIDE;
    device.writeRegion(0, at + Q.CQ_LO, scratch.bytes.slice(0, 12));
    scratch.begin(64);
    setNumber64(view, 0, RING_IOVA + ringAt(queue));
    view.setUint32(8, ENTRIES, true);
    view.setUint32(Q.CONTROL, 1, true);
    device.writeRegion(0, at + Q.RING_LO, scratch.bytes.slice(0, 24));
  }
  // Secrets (of B), or plain contents (of A): in memory, in device memory, in registers.
  const bytes = secretBytes(world.content(tenant, 0x1234));
  for (let page = 1; page < 3; page++) tenant.process.memory.write(tenant.buffer + page * 4096, bytes);
  device.writeRegion(0, ICM_WINDOW_AT, bytes.subarray(0, 32));
  device.writeRegion(0, VF_REG.SCRATCH, bytes.subarray(0, 8));
}

/** As {@link prepare}, with something in so many pages of device memory that an image does not fit into one chunk. */
function prepareLarge(tenant: Tenant, world: World): void {
  prepare(tenant, world);
  const bytes = secretBytes(world.content(tenant, 0x4321)).subarray(0, 16);
  for (let page = 0; page < 12; page++) tenant.device!.writeRegion(0, ICM_WINDOW_AT + page * 4096 + 1024, bytes);
}

/** Writes into pages of device memory that were empty. */
function grow(tenant: Tenant): void {
  for (let page = 1; page < GROWTH; page++)
    tenant.device!.writeRegion(0, ICM_WINDOW_AT + page * ICM_PAGE, Uint8Array.of(page, 1, 2, 3));
}
const GROWTH = 9;

const ALL_FLAGS = MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY;
/** What the firmware can do, and so what the driver offers. */
const FIRMWARE: readonly { readonly name: string; readonly lacks: Partial<Capabilities>; readonly flags: number }[] = [
  { name: 'everything', lacks: {}, flags: ALL_FLAGS },
  { name: 'no chunks', lacks: { migration_in_chunks: false }, flags: ALL_FLAGS },
  { name: 'no migration state', lacks: { migration_state: false }, flags: ALL_FLAGS },
  { name: 'no page tracker', lacks: { adv_virtualization: false }, flags: ALL_FLAGS },
  // Without these the driver is a plain vfio-pci (mlx5/cmd.c: mlx5vf_cmd_set_migratable).
  { name: 'no tracking state', lacks: { migration_tracking_state: false }, flags: 0 },
];
/** How reports of dirty pages come: at once; when the driver has waited; or page by page, in a ring that soon begins anew. */
const REPORTS = [
  { name: 'at once', how: {} },
  { name: 'late', how: { reportDelay: 5000, logMaxMessage: 19 } },
  { name: 'page by page', how: { reportPages: 1, logMaxMessage: 19 } },
] as const;
/** What the driver takes at most for one image of a stopped device: what all of the state fits into, and less. */
const CHUNKS = [SIZES.chunk, 0x1000];
/** Bytes of device memory. */
const STATE_SIZES = [0x1_0000, 0x1000, 0x2_0000];

export const mlx5: Profiles = {
  factors: [
    WAY_FACTOR,
    { name: 'firmware', values: FIRMWARE.map(({ name }) => name) },
    { name: 'state', values: STATE_SIZES.map((bytes) => `${bytes / 1024} KiB`) },
    { name: 'vfs', values: ['2', '4'] },
    { name: 'chunks', values: ['8 MiB', '4 KiB'] },
    { name: 'reports', values: REPORTS.map(({ name }) => name) },
  ],
  profile: profileIn,
};

function profileIn(setting: Setting): DeviceProfile {
  const { lacks, flags } = FIRMWARE[setting.firmware ?? 0]!;
  const { how } = REPORTS[setting.reports ?? 0]!;
  const icmBytes = STATE_SIZES[setting.state ?? 0]!;
  let sample: Uint8Array | undefined;
  return {
    machine: mlx5Machine,
    way: WAY_FACTOR.kinds[setting.way ?? 0]!,
    migrationFlags: flags,
    logging: flags !== 0 && (lacks.adv_virtualization ?? true),
    load: () => ({
      variants: [variant],
      models: (failNext) => mlx5Models({ failNext, capabilities: lacks, icmBytes, ...how }),
    }),
    assign(machine) {
      const [a, b] = firstVfs(machine, PHYSICAL, setting.vfs ? 4 : 2);
      bindTo(machine, DRIVER, [a, b]);
      return { a: assigned(machine, a), b: assigned(machine, b), inside: inside(machine) };
    },
    kind: 'function',
    vectors: { index: PCI_IRQ.MSIX, count: VECTORS },
    registers: { bar: PCI_REGION.BAR0, offsets: OFFSETS, window: { offset: ICM_WINDOW_AT, length: 0x1_0000 } },
    dma: { kinds: 7, fill: 2, submit },
    failures: {
      commands: new Set([
        CMD_OP.SUSPEND_VHCA,
        CMD_OP.RESUME_VHCA,
        CMD_OP.QUERY_VHCA_MIGRATION_STATE,
        CMD_OP.SAVE_VHCA_STATE,
        CMD_OP.LOAD_VHCA_STATE,
        CMD_OP.CREATE_MKEY,
        CMD_OP.ALLOC_PD,
        CMD_OP.CREATE_GENERAL_OBJECT,
      ]),
      // Inside, parameters, resources, busy, and two that are negative in eight bits. A wrong state (9) tells the driver
      // something that is not so.
      statuses: [0x01, 0x01, 0x03, 0x05, 0x06, 0x0f, 0x80, 0xfe],
      releases: new Set([
        CMD_OP.DESTROY_MKEY,
        CMD_OP.DEALLOC_PD,
        CMD_OP.DESTROY_CQ,
        CMD_OP.DESTROY_QP,
        CMD_OP.DESTROY_GENERAL_OBJECT,
      ]),
      load: CMD_OP.LOAD_VHCA_STATE,
      save: CMD_OP.SAVE_VHCA_STATE,
      // The driver knows that nothing is tracked.
      neverRefused: new Set(['incremental without tracking']),
    },
    guarded: {
      what: 'how the host programmed MSI-X',
      value: ({ fn }) => fn!.config.read(fn!.capability(CAP.MSIX) + MSIX.FLAGS, 2),
    },
    streamErrnos: declaredErrnos(variant.declaration),
    prepare: setting.chunks ? prepareLarge : prepare,
    afterLoad,
    work,
    grow,
    reportsLate: (setting.reports ?? 0) !== 0,
    setUp,
    unfinished,
    disturb,
    forge: forgeImage,
    tellsNoMore: true,
    staysRefused: true,
    unreachable: new Set([ERRNO.ENOTCONN]),

    outage({ machine }, begins) {
      const core = machine.kernel.bus.devices.get(PHYSICAL)!.driverData as Mlx5Core;
      machine.kernel.run(begins ? core.detachVfs() : core.attachVfs());
    },

    enter() {
      SIZES.chunk = CHUNKS[setting.chunks ?? 0]!;
    },

    sample({ subject, setting }) {
      sample ??= savedSample(subject, setting);
      return sample;
    },

    host(world, what) {
      const physical = world.machine.kernel.bus.devices.get(PHYSICAL)!;
      if (what === 0) return physical.function.config.bytes.subarray(0, 64);
      if (what === 1) return world.b.fn!.config.bytes.subarray(0, 256);
      if (what === 2) return Uint8Array.from([0, 4].map((at) => physical.bar(0).read(at, 4) & 0xff));
      return Uint8Array.of(physical.numVfs, world.b.fn!.present ? 1 : 0, physical.virtfns[1]!.group!.ownerCount);
    },

    memoryPages: 3,
  };
}

function inside(machine: Machine): Inside {
  const model = machine.kernel.bus.devices.get(PHYSICAL)!.function.model as PfModel;
  // Digests are long, and most are looked at once.
  let room = new Uint32Array(0);
  return {
    digest({ fn }) {
      const { queues, scratch, counters, icmWindow, icm, sequence, key } = (fn!.model as VfModel).state;
      const lists = [...queues, scratch, counters, sequence, key];
      let count = 1;
      for (const list of lists) count += list.length;
      const pages = icm.nonZero();
      const length = 4 * count + pages.length * (1 + ICM_PAGE);
      if (room.byteLength < length) room = new Uint32Array(Math.ceil(length / 4));
      const words = room;
      const digest = new Uint8Array(words.buffer, 0, length);
      words[0] = icmWindow;
      let at = 1;
      for (const list of lists) {
        words.set(list, at);
        at += list.length;
      }
      at *= 4;
      for (const index of pages) {
        digest[at] = index;
        digest.set(icm.saved(index).bytes!, at + 1);
        at += 1 + ICM_PAGE;
      }
      return digest;
    },
    resources: () => model.resources(),
    sessions: ({ fn }) => model.resourcesOf(fn!.vf!).savesTracked,
    illegal: () => model.illegal.map(({ reason }) => reason),
    onTouch: (listener) => {
      model.partitions.onTouch = listener;
    },
  };
}
