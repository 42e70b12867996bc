/**
 * What VFIO_DEVICE_FEATURE answers for a PCI function before it is carried out, written down a second time
 * (include/uapi/linux/vfio.h; include/linux/vfio.h: vfio_check_feature).
 */
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE } from '../../uapi/vfio.ts';

/** GET and SET, PROBE: what bits 16 to 18 of the flags ask for. */
const GET = 0x1_0000;
const SET = 0x2_0000;
const PROBE = 0x4_0000;
const HEADER = 8;

interface Rule {
  readonly feature: number;
  readonly takes: number;
  /** Bytes behind the header. */
  readonly least: number;
  /** Only where there can be VFs. */
  readonly ofOwner?: true;
}

export const PCI_FEATURE_RULES: readonly Rule[] = [
  { feature: FEATURE.PCI_VF_TOKEN, takes: SET, least: 16, ofOwner: true },
  { feature: FEATURE.LOW_POWER_ENTRY, takes: SET, least: 0 },
  { feature: FEATURE.LOW_POWER_ENTRY_WITH_WAKEUP, takes: SET, least: 8 },
  { feature: FEATURE.LOW_POWER_EXIT, takes: SET, least: 0 },
  { feature: FEATURE.DMA_BUF, takes: GET, least: 16 },
];

/** The answer; undefined: the feature is carried out. */
export function pciFeatureAnswer(
  { takes, least, ofOwner }: Rule,
  flags: number,
  argsz: number,
  owner: boolean,
): number | undefined {
  const how = flags & (GET | SET);
  const probe = (flags & PROBE) !== 0;
  if (argsz < HEADER || flags >>> 19 !== 0) return -ERRNO.EINVAL;
  if (how === (GET | SET) && !probe) return -ERRNO.EINVAL;
  if (ofOwner === true && !owner) return -ERRNO.ENOTTY;
  if ((how & ~takes) !== 0) return -ERRNO.EINVAL;
  if (probe) return 0;
  return how === 0 || argsz - HEADER < least ? -ERRNO.EINVAL : undefined;
}
