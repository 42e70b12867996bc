import { describe, expect, it } from 'vitest';
import {
  VfioPciCoreDevice,
  vfio_pci_core_register_device,
  vfio_pci_core_unregister_device,
} from '../../src/pci-core/index.ts';
import { vfioPciOps } from '../../src/pci-core/vfio-pci.ts';
import { MIGRATION } from '../../src/uapi/vfio.ts';
import { VfioDevice } from '../../src/vfio/device.ts';
import { Bench, E } from './bench.ts';

const MIG_OPS = ['migration_set_state', 'migration_get_state', 'migration_get_data_size'];
const LOG_OPS = ['log_start', 'log_stop', 'log_read_and_clear'];

/** Callbacks of these names, as a driver written without types has them. */
const callbacks = (names: readonly string[]): never =>
  Object.fromEntries(names.map((name) => [name, () => 0])) as never;

/** A driver's probe of the nic: what registering answers after `prepare`, and how often the VFIO core was told. */
function probe(prepare: (device: VfioDevice, core: VfioPciCoreDevice) => void): { result: number; told: number } {
  const bench = new Bench();
  const pdev = bench.pdev('0000:01:00.0');
  const core = new VfioPciCoreDevice(pdev);
  pdev.driverData = core;
  const device = new VfioDevice<unknown>(pdev.name, vfioPciOps as never, core);
  prepare(device, core);
  let told = 0;
  const registry = { registerDevice: () => told++ && 0, *unregisterDevice() {} };
  return { result: vfio_pci_core_register_device(core, device, registry), told };
}

const REFUSED = { result: E.EINVAL, told: 0 };
const TAKEN = { result: 0, told: 1 };

describe('registering a device with the library', () => {
  it('needs the library’s device as driver data', () => {
    expect(probe(() => {})).toEqual(TAKEN);
    expect(probe((_device, core) => void (core.pdev.driverData = undefined))).toEqual(REFUSED);
  });

  // covers: LC01
  it.each([
    [0x00, TAKEN],
    [0x80, TAKEN],
    [0x01, REFUSED],
    [0x81, REFUSED],
    [0x02, REFUSED],
  ])('with header type %i', (type, answer) => {
    expect(probe((_device, core) => core.pdev.function.config.set(0x0e, 1, type))).toEqual(answer);
  });

  // covers: LC02
  it('takes migration only whole: three callbacks, and STOP_COPY among the flags', () => {
    const migration = (names: readonly string[], flags: number) =>
      probe((device) => {
        device.migOps = callbacks(names);
        device.migrationFlags = flags;
      });
    expect(migration(MIG_OPS, MIGRATION.STOP_COPY)).toEqual(TAKEN);
    expect(migration(MIG_OPS, MIGRATION.STOP_COPY | MIGRATION.P2P | MIGRATION.PRE_COPY)).toEqual(TAKEN);
    for (const missing of MIG_OPS)
      expect(
        migration(
          MIG_OPS.filter((name) => name !== missing),
          MIGRATION.STOP_COPY,
        ),
        missing,
      ).toEqual(REFUSED);
    for (const flags of [0, MIGRATION.P2P, MIGRATION.PRE_COPY]) expect(migration(MIG_OPS, flags)).toEqual(REFUSED);
  });

  // covers: LC03
  it('takes DMA logging only whole: three callbacks', () => {
    const logging = (names: readonly string[]) => probe((device) => void (device.logOps = callbacks(names)));
    expect(logging(LOG_OPS)).toEqual(TAKEN);
    for (const missing of LOG_OPS)
      expect(logging(LOG_OPS.filter((name) => name !== missing)), missing).toEqual(REFUSED);
  });

  // covers: LC04
  it('is EBUSY for a PF that has VFs, whose users nobody could account for', () => {
    const bench = new Bench();
    bench.vf();
    const core = new VfioPciCoreDevice(bench.pdev('0000:01:00.0'));
    core.pdev.driverData = core;
    const device = new VfioDevice<unknown>(core.pdev.name, vfioPciOps as never, core);
    const registry = { registerDevice: () => 0, *unregisterDevice() {} };
    expect(vfio_pci_core_register_device(core, device, registry)).toBe(E.EBUSY);
  });
});

describe('the device set', () => {
  // covers: LC05
  it('is one’s own on the root bus and for a VF, and shared by all that a bus reset would hit', () => {
    const bench = new Bench();
    const [vf, sibling] = [bench.vf(), bench.pdev('0000:01:00.0').virtfns[1]!].map((pdev) => bench.bind(pdev));
    const [root, other] = ['0000:00:02.0', '0000:00:03.0'].map((name) => bench.bind(bench.pdev(name)));
    const [a, b] = ['0000:02:00.0', '0000:02:00.1'].map((name) => bench.bind(bench.pdev(name)));
    for (const alone of [vf!, sibling!, root!, other!]) expect(alone.devSet!.members).toEqual([alone]);
    expect(a!.devSet!.members).toEqual([a, b]);
    expect(b!.devSet).toBe(a!.devSet);
  });

  // covers: LC05
  it('loses a member that is unbound, and takes it back', () => {
    const bench = new Bench();
    const [a, b] = ['0000:02:00.0', '0000:02:00.1'].map((name) => bench.bind(bench.pdev(name)));
    const { devSet } = b!;
    bench.kernel.run(
      (function* () {
        yield* vfio_pci_core_unregister_device(a!);
        return 0;
      })(),
    );
    expect(devSet!.members).toEqual([b]);
    expect(bench.bind(a!.pdev).devSet).toBe(devSet);
  });
});
