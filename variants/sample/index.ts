/** A variant driver in one file: sample-vfio-pci makes the tally device migratable. See docs/writing-a-variant.md. */
import * as pci from '../../src/pci-core/index.ts';
import { ERRNO, vfio } from '../../src/uapi/index.ts';
import type { AnySafeguard, VariantModule } from '../../src/variant/index.ts';
import { defineSafeguards, parentlessVariant, passes, pieceFromUser, recordFormat } from '../../src/variant/index.ts';
import { DataFile, type DataFileOps, resultOf, type SetStateResult, walkMigration } from '../../src/vfio/index.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING } = vfio.MIG_STATE;
const DRIVER = 'sample-vfio-pci';
/** The state window: the device believes what is written into this BAR, so it is never the user's. */
const WINDOW = 2;
const REG = { FREEZE: 0x00, LIMIT: 0x04, COUNT: 0x08 } as const;

export const SAFEGUARDS = defineSafeguards(DRIVER, {
  TAG: { checks: 'the record is a TALLY', errno: 'EOPNOTSUPP', holds: (tag: number) => tag === 1 },
  SIZE: { checks: 'a TALLY has 8 bytes', errno: 'EMSGSIZE', holds: (size: bigint) => size === 8n },
  LIMIT: { checks: 'the limit is 1 to 256', errno: 'EINVAL', holds: (limit: number) => limit >= 1 && limit <= 256 },
  COUNT: { checks: 'the count is below the limit', errno: 'ERANGE', holds: (n: number, limit: number) => n < limit },
});

function word<G extends AnySafeguard[]>(offset: number, meaning: string, rule: string, value: number, ...guards: G) {
  const about = { meaning, constraint: rule, producer: 'driver', userVisible: 'constant, or a register in BAR 0' };
  return { ...about, offset, type: 'u32', values: [value], safeguards: guards } as const;
}
const limit = word(0, 'where the count starts again', '1 to 256', 256, SAFEGUARDS.LIMIT);
const count = word(4, 'ticks since it started', 'below the limit', 3);
const payload = { kind: 'fields', complete: SAFEGUARDS.SIZE, fields: { limit, count } } as const;

export const FORMAT = recordFormat({
  name: 'tally stream',
  summary: 'One record: a header of 8 bytes and the two numbers of the device, little-endian.',
  compatibility: 'There is no version: another layout would have another tag, and is refused.',
  order: ['One TALLY; of several the last one counts.'],
  littleEndian: true,
  header: { tag: word(0, 'TALLY', '1', 1, SAFEGUARDS.TAG), size: word(4, 'bytes that follow', '8', 8) },
  lengthField: 'size',
  tagField: 'tag',
  optionalFlag: { field: 'tag', mask: 0 },
  headerSafeguards: [],
  emptyRecord: 'at-header',
  records: { TALLY: { tag: 1, summary: 'all state', presence: 'mandatory', position: 'any', count: [1, 1], payload } },
});

/** A device under this driver: the library's, and what migration needs. Nothing here sleeps, so nothing needs a lock. */
class Sample extends pci.VfioPciCoreDevice {
  state: vfio.MigState = RUNNING;
  private file: DataFile | undefined;
  readonly become = (state: vfio.MigState): unknown => Object.assign(this, { state });

  /** A register of the window. EBUSY during a reset; EIO while the user has memory disabled. */
  get(at: number): number {
    return this.memoryLock.locked ? -ERRNO.EBUSY : pci.vfio_pci_core_ioread(this, true, this.pdev.bar(WINDOW), at, 4);
  }
  set(at: number, value: number): number | undefined {
    if (this.memoryLock.locked) return -ERRNO.EBUSY;
    return pci.vfio_pci_core_iowrite(this, true, this.pdev.bar(WINDOW), at, 4, value) || undefined;
  }
  /** A session is its data file, which the user may keep: after the end it answers ENODEV. */
  begin(side: 'read' | 'write', move: NonNullable<DataFileOps['read']>): DataFile {
    const alive: typeof move = (...call) => (this.file === file ? move(...call) : -ERRNO.ENODEV);
    const file = new DataFile('sample_mig', side, { read: alive, write: alive });
    this.file = file;
    return file;
  }
  end(): undefined {
    this.file?.drop();
    this.file = undefined;
  }
  readonly arc = (from: number, to: number): SetStateResult => {
    if (to === STOP_COPY) return save(this);
    if (to === RESUMING) return resume(this);
    if (from === STOP_COPY || from === RESUMING) return this.end();
    return this.set(REG.FREEZE, to === STOP ? 1 : 0);
  };
}

function save(device: Sample): SetStateResult {
  const [limit, count] = [device.get(REG.LIMIT), device.get(REG.COUNT)];
  if (limit < 0 || count < 0) return Math.min(limit, count);
  let rest = FORMAT.fieldRecord('TALLY', { limit, count });
  return device.begin('read', (caller, address, length) => {
    const part = rest.subarray(0, length);
    if (!caller.copyToUser(address, part)) return -ERRNO.EFAULT;
    rest = rest.subarray(part.length);
    return part.length;
  });
}

function resume(device: Sample): SetStateResult {
  const decoder = FORMAT.decoder({
    TALLY: {
      end({ limit, count }) {
        if (!passes(count, SAFEGUARDS.COUNT, limit)) return -SAFEGUARDS.COUNT.errno;
        return device.set(REG.LIMIT, limit) ?? device.set(REG.COUNT, count) ?? 0;
      },
    },
  });
  return device.begin('write', function* (caller, address, length) {
    const piece = pieceFromUser(caller, address, length, 0);
    const result = yield* decoder.write(piece.bytes);
    return result < 0 ? result : piece.length || (piece.faulted ? -ERRNO.EFAULT : 0);
  });
}

export const sample: VariantModule = parentlessVariant({
  name: 'sample',
  device: Sample,
  ops: {
    ...pci.coreOps<Sample>((device) => device),
    name: DRIVER,
    *open_device(device) {
      const result = yield* pci.vfio_pci_core_enable(device);
      if (result < 0) return result;
      device.become(RUNNING);
      pci.vfio_pci_core_finish_enable(device);
      // Every way to a BAR looks here: read, write, mmap, ioeventfd, dma-buf.
      device.bars.map[WINDOW] = -ERRNO.ENODEV;
      device.bars.mmapSupported[WINDOW] = false;
      return 0;
    },
    close_device(device) {
      device.end();
      return pci.vfio_pci_core_close_device(device);
    },
  },
  migration: {
    migration_set_state: (device, target) =>
      walkMigration(vfio.MIGRATION.STOP_COPY, () => device.state, device.arc, device.become, target),
    migration_get_state: (device) => resultOf(device.state),
    migration_get_data_size: () => resultOf(FORMAT.headerSize + 8),
  },
  resetDone(device) {
    device.end();
    device.become(RUNNING);
  },
  declaration: {
    driver: DRIVER,
    title: 'VFIO driver for the tally device with live migration',
    summary: 'Reads and writes the state of the device through a BAR that its user does not get.',
    ids: [{ vendor: 0x1234, device: 0x7a11 }],
    overrides: [{ callback: 'open_device, close_device', why: 'state and window at the start, sessions at the end' }],
    migrationFlags: vfio.MIGRATION.STOP_COPY,
    formats: [FORMAT],
    consumption: 'A TALLY takes effect in the write that completes it; what is incomplete at the end is dropped.',
    regions: [{ region: 'BAR 2', change: 'no access: it is the state window', safeguards: [] }],
    inputs: [],
    safeguards: Object.values(SAFEGUARDS) as readonly unknown[] as readonly AnySafeguard[],
  },
});
