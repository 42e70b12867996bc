/** VFIO_DEVICE_FEATURE: the front end and the features the core answers itself (vfio_main.c: vfio_ioctl_device_feature). */
import { viewOf, zeroedBytes } from '../kernel/bytes.ts';
import type { Result } from '../kernel/file.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { device_feature, FEATURE, FEATURE_FLAG, MIGRATION } from '../uapi/vfio.ts';
import type { VfioDevice } from './device.ts';
import { loggingReport, loggingStart, loggingStop } from './migration/dma-logging.ts';
import { migrationDataSize, migrationDeviceState, migrationFlags, migrationPrecopyInfoV2 } from './migration/state.ts';

const { MASK, GET, SET, PROBE } = FEATURE_FLAG;
const HEADER = device_feature.size;

/**
 * vfio_check_feature: the prologue of every feature. `argsz` counts the bytes behind the header. 1: go on; 0: a probe, and
 * the answer is yes; negative: the errno. A probe is answered before argsz is looked at.
 */
export function vfio_check_feature(flags: number, argsz: number, supportedOps: number, minSize: number): number {
  const asked = flags & (GET | SET);
  if ((asked & ~supportedOps) !== 0) return -ERRNO.EINVAL;
  if ((flags & PROBE) !== 0) return 0;
  if (asked === 0) return -ERRNO.EINVAL;
  return argsz < minSize ? -ERRNO.EINVAL : 1;
}

/** A feature of the core. `gate` is what a device lacks (0, or a negated errno), and comes even before a probe. */
interface CoreFeature {
  readonly feature: number;
  readonly gate: (device: VfioDevice) => number;
  readonly ops: number;
  /** Bytes behind the header. */
  readonly minSize: number;
  readonly run: (device: VfioDevice, caller: Process, flags: number, argument: number) => Result;
}

const migratable = (device: VfioDevice): number => (device.migOps === undefined ? -ERRNO.ENOTTY : 0);
const logging = (device: VfioDevice): number => (device.logOps === undefined ? -ERRNO.ENOTTY : 0);
const preCopying = (device: VfioDevice): number =>
  (device.migrationFlags & MIGRATION.PRE_COPY) === 0 ? -ERRNO.EINVAL : 0;

const CORE_FEATURES: readonly CoreFeature[] = [
  { feature: FEATURE.MIGRATION, gate: migratable, ops: GET, minSize: 8, run: migrationFlags },
  { feature: FEATURE.MIG_DEVICE_STATE, gate: migratable, ops: GET | SET, minSize: 8, run: migrationDeviceState },
  { feature: FEATURE.MIG_DATA_SIZE, gate: migratable, ops: GET, minSize: 8, run: migrationDataSize },
  { feature: FEATURE.MIG_PRECOPY_INFOv2, gate: preCopying, ops: SET, minSize: 0, run: migrationPrecopyInfoV2 },
  { feature: FEATURE.DMA_LOGGING_START, gate: logging, ops: SET, minSize: 24, run: loggingStart },
  { feature: FEATURE.DMA_LOGGING_STOP, gate: logging, ops: SET, minSize: 0, run: loggingStop },
  { feature: FEATURE.DMA_LOGGING_REPORT, gate: logging, ops: GET, minSize: 32, run: loggingReport },
];

const byIndex = new Map(CORE_FEATURES.map((entry) => [entry.feature, entry]));

const header = zeroedBytes(HEADER);
const view = viewOf(header);

/** Decodes the header at `argument` and runs the feature; features the core does not know go to the driver. */
export function vfio_ioctl_device_feature<D>(device: VfioDevice<D>, caller: Process, argument: number): Result {
  if (!caller.copyFromUserInto(argument, header)) return -ERRNO.EFAULT;
  const argsz = view.getUint32(device_feature.at.argsz, true);
  const flags = view.getUint32(device_feature.at.flags, true);
  if (argsz < HEADER) return -ERRNO.EINVAL;
  if ((flags & ~(MASK | GET | SET | PROBE)) !== 0) return -ERRNO.EINVAL;
  if ((flags & (GET | SET | PROBE)) === (GET | SET)) return -ERRNO.EINVAL;

  const core = byIndex.get(flags & MASK);
  const data = argument + HEADER;
  if (core === undefined) {
    return device.ops.device_feature?.(device.data, caller, flags, data, argsz - HEADER) ?? -ERRNO.ENOTTY;
  }
  const check = core.gate(device) || vfio_check_feature(flags, argsz - HEADER, core.ops, core.minSize);
  return check === 1 ? core.run(device, caller, flags, data) : check;
}
