/**
 * What VFIO_DEVICE_FEATURE answers before a feature of migration is carried out, written down a second time
 * (include/uapi/linux/vfio.h; include/linux/vfio.h: vfio_check_feature).
 */
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE, MIGRATION } from '../../uapi/vfio.ts';

/** GET and SET, PROBE: what bits 16 to 18 of the flags ask for. */
const GET = 0x1_0000;
const SET = 0x2_0000;
const PROBE = 0x4_0000;
const HEADER = 8;

interface Rule {
  readonly feature: number;
  /** GET, SET or both. */
  readonly takes: number;
  /** Bytes behind the header. */
  readonly least: number;
  readonly logs?: boolean;
  /** Migration flags without which it answers EINVAL. */
  readonly wants?: number;
}

/** By number: places are kept. The last is no feature at all. */
export const FEATURE_RULES: readonly Rule[] = [
  { feature: FEATURE.MIG_DEVICE_STATE, takes: GET + SET, least: 8 },
  { feature: FEATURE.MIGRATION, takes: GET, least: 8 },
  { feature: FEATURE.MIG_DATA_SIZE, takes: GET, least: 8 },
  { feature: FEATURE.MIG_PRECOPY_INFOv2, takes: SET, least: 0, wants: MIGRATION.PRE_COPY },
  { feature: FEATURE.DMA_LOGGING_START, takes: SET, least: 24, logs: true },
  { feature: FEATURE.DMA_LOGGING_STOP, takes: SET, least: 0, logs: true },
  { feature: FEATURE.DMA_LOGGING_REPORT, takes: GET, least: 32, logs: true },
  { feature: 0x3ff, takes: 0, least: 0 },
];
const NO_FEATURE = FEATURE_RULES.length - 1;

/** The answer; undefined: the feature is carried out. `migration`: the flags of a device that can be migrated. */
export function featureAnswer(rule: number, flags: number, argsz: number, migration: number): number | undefined {
  const { takes, least, wants = 0 } = FEATURE_RULES[rule]!;
  const how = flags & (GET | SET);
  const probe = (flags & PROBE) !== 0;
  if (argsz < HEADER || flags >>> 19 !== 0) return -ERRNO.EINVAL;
  if (how === (GET | SET) && !probe) return -ERRNO.EINVAL;
  if (rule === NO_FEATURE) return -ERRNO.ENOTTY;
  if ((wants & ~migration) !== 0 || (how & ~takes) !== 0) return -ERRNO.EINVAL;
  if (probe) return 0;
  return how === 0 || argsz - HEADER < least ? -ERRNO.EINVAL : undefined;
}
