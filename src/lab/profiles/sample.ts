/** How the lab works the sample variant's tally devices: two endpoints without a PF, which count. */
import { LARGEST_LIMIT, TALLY, TALLY_WINDOW } from '../../../sim/devices/sample/model.ts';
import { sampleMachine } from '../../../sim/machines/sample.ts';
import { CAP, COMMAND, MSI, PCI } from '../../../sim/pci/registers.ts';
import { sample as variant } from '../../../variants/sample/index.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { PCI_IRQ, PCI_REGION } from '../../uapi/vfio.ts';
import type { Setting } from '../setting.ts';
import type { Tenant } from '../tenant.ts';
import { WAY_FACTOR } from '../ways/way.ts';
import type { World } from '../world.ts';
import { assigned, bindTo } from './assign-functions.ts';
import type { DeviceProfile, Profiles } from './profile.ts';
import { savedSample } from './saved-sample.ts';
import { secretBytes } from './secret.ts';
import { declaredErrnos } from './stream-errnos.ts';

const BDFS = ['0000:01:00.0', '0000:02:00.0'] as const;
const WINDOW = 2;
/** Edges: behind the registers, the end of the BAR. */
const offsets = [...Object.values(TALLY), TALLY.TICK, TALLY.TICK, 0x10, 0xffc, 0x1000];

function prepare(tenant: Tenant, world: World): void {
  const device = tenant.device!;
  device.write(PCI_REGION.CONFIG, PCI.COMMAND, 2, COMMAND.MEMORY | COMMAND.MASTER);
  const [limit, count] = secretBytes(world.content(tenant, 0x1234));
  device.write(PCI_REGION.BAR0, TALLY.LIMIT, 4, 16 + (limit! & 0x7f));
  for (let tick = 0; tick < 1 + (count! & 7); tick++) device.write(PCI_REGION.BAR0, TALLY.TICK, 4, 0);
}

function digest({ fn }: Tenant): Uint8Array {
  const words = Object.values(TALLY_WINDOW).map((at) => fn!.model.read(WINDOW, at, 4));
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function impossible({ fn }: Tenant): string | undefined {
  const [limit, count] = [TALLY_WINDOW.LIMIT, TALLY_WINDOW.COUNT].map((at) => fn!.model.read(WINDOW, at, 4));
  if (limit! < 1 || limit! > LARGEST_LIMIT) return `a limit of ${limit}`;
  return count! < limit! ? undefined : `a count of ${count} where the limit is ${limit}`;
}

export const sample: Profiles = { factors: [WAY_FACTOR], profile: profileIn };

function profileIn(setting: Setting): DeviceProfile {
  let stream: Uint8Array | undefined;
  return {
    machine: sampleMachine,
    way: WAY_FACTOR.kinds[setting.way ?? 0]!,
    migrationFlags: variant.declaration.migrationFlags,
    logging: false,
    load: () => ({ variants: [variant] }),
    assign(machine) {
      const devices = BDFS.map((bdf) => machine.kernel.bus.devices.get(bdf)!);
      bindTo(machine, variant.declaration.driver, devices);
      const inside = {
        digest,
        impossible,
        resources: () => ({}),
        sessions: () => 0,
        illegal: () => [],
        onTouch: () => {},
      };
      return { a: assigned(machine, devices[0]!), b: assigned(machine, devices[1]!), inside };
    },
    kind: 'function',
    vectors: { index: PCI_IRQ.MSI, count: 1 },
    registers: { bar: PCI_REGION.BAR0, offsets },
    guarded: {
      // Not its enable bit: that one is the user's too (vfio_pci_config.c: vfio_msi_config_write).
      what: 'where the host sends its MSI',
      value({ fn }) {
        const at = fn!.capability(CAP.MSI);
        return fn!.config.read(at + MSI.ADDRESS_LO, 4) * 0x1_0000 + fn!.config.read(at + MSI.DATA_64, 2);
      },
    },
    streamErrnos: declaredErrnos(variant.declaration),
    unreachable: new Set([ERRNO.EBUSY, ERRNO.EIO]),
    prepare,

    // Counts on, from a count and towards a limit that may be any.
    afterLoad(tenant, world) {
      const device = tenant.device!;
      for (let tick = 0; tick < 3; tick++) device.write(PCI_REGION.BAR0, TALLY.TICK, 4, 0);
      for (const at of [TALLY.LIMIT, TALLY.COUNT]) world.observe(tenant, device.read(PCI_REGION.BAR0, at, 4));
    },

    // Setting the limit sets the count to 0.
    disturb({ device }) {
      device!.write(PCI_REGION.BAR0, TALLY.LIMIT, 4, 9);
      device!.write(PCI_REGION.BAR0, TALLY.TICK, 4, 0);
      return 0;
    },

    sample({ subject, setting }) {
      stream ??= savedSample(subject, setting);
      return stream;
    },

    host(world, what) {
      const neighbour = world.machine.kernel.bus.devices.get(BDFS[1])!;
      const { config } = neighbour.function;
      // Up to the MSI: which vector a device gets depends on who asked before.
      if (what < 2) return config.bytes.subarray(0, neighbour.function.capability(CAP.MSI));
      if (what === 2) return digest(world.b);
      return Uint8Array.of(neighbour.function.present ? 1 : 0, neighbour.group!.ownerCount);
    },
  };
}
