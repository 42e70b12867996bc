/** Which rule an answer is under: by verb, then by what the step was about. */
import { IOMMU, IOMMUFD_CMD_BASE } from '../../uapi/iommufd.ts';
import { FEATURE, FEATURE_FLAG, irq_set, VFIO } from '../../uapi/vfio.ts';
import type { HandleKind } from '../handles.ts';
import { REGION_SIZE } from '../place.ts';
import { registerAt } from '../registers.ts';
import type { Context } from '../run.ts';
import type { Step } from '../step.ts';
import { COMPAT_RULES, CONTAINER_RULES, GROUP_RULES } from './container.ts';
import { DEVICE_RULES, IRQ_RULES } from './device.ts';
import { FEATURE_RULES } from './features.ts';
import * as files from './files.ts';
import { IOMMUFD_FRONT_END, IOMMUFD_RULES } from './iommufd.ts';
import { configRule, RAW_CONFIG, regionRule } from './regions.ts';
import type { Rule } from './rule.ts';
import { BIND, RLIMIT, sysfsRule, UNBIND } from './sysfs.ts';

export type { Rule } from './rule.ts';

/** Rules by request number. */
type ByRequest = ReadonlyMap<number, Rule>;

const REGION_CONFIG = 7;

function byNumber(numbers: Readonly<Record<string, number>>, rules: Readonly<Record<string, Rule>>): ByRequest {
  return new Map(Object.entries(rules).map(([name, rule]) => [numbers[name]!, rule]));
}

const REQUESTS: Partial<Record<HandleKind, ByRequest>> = {
  device: byNumber(VFIO, DEVICE_RULES),
  group: byNumber(VFIO, GROUP_RULES),
  container: byNumber(VFIO, CONTAINER_RULES),
  iommufd: new Map([...byNumber(VFIO, COMPAT_RULES), ...byNumber(IOMMU, IOMMUFD_RULES)]),
  migration: new Map([[VFIO.MIG_GET_PRECOPY_INFO, files.PRECOPY_INFO]]),
};

const FEATURE_BY_INDEX: ByRequest = byNumber(FEATURE, FEATURE_RULES);

/** What rules the request on a file of this kind, as far as the number alone tells; undefined: nothing does. */
export function requestRule(kind: HandleKind, request: number): Rule | undefined {
  const known = REQUESTS[kind]?.get(request);
  if (known !== undefined) return known;
  return kind === 'iommufd' && request >= IOMMUFD_CMD_BASE ? IOMMUFD_FRONT_END : files.STREAM_RULES[kind];
}

/** The rule of a step's answer; undefined for what the script does by itself. `config` is the function's configuration. */
export function ruleOf({ verb }: Step, context: Context, config: Uint8Array | undefined): Rule | undefined {
  const { handle, path } = context;
  const kind = handle?.kind ?? 'other';
  switch (verb) {
    case 'ioctl':
    case 'ioctlv':
      return ioctlRule(kind, context);
    case 'pread':
    case 'pwrite':
    case 'read':
    case 'write':
    case 'probe':
      return transferRule(kind, context, config);
    case 'open':
      return files.OPEN_RULES[kind] ?? (path === undefined ? undefined : sysfsRule(path));
    case 'close':
      return files.CLOSE_RULES[kind] ?? files.CLOSED;
    case 'mmap':
      if (kind === 'device') return files.MMAP;
      return kind === 'iommufd' ? files.IOMMUFD_MMAP : files.STREAM_RULES[kind];
    case 'munmap':
    case 'munmapall':
    case 'peek':
    case 'poke':
      return files.TOUCH;
    case 'dump':
      return context.through === undefined
        ? undefined
        : ioctlRule(context.through.handle?.kind ?? 'other', context.through);
    case 'poll':
      return files.STREAM_RULES[kind];
    case 'efdread':
    case 'efdwrite':
      return files.STREAM_RULES.eventfd;
    case 'sysread':
    case 'syswrite':
    case 'bg':
    case 'bgwait':
      return path === undefined ? undefined : sysfsRule(path);
    case 'bind':
      return BIND;
    case 'unbind':
      return UNBIND;
    case 'rlimit':
      return RLIMIT;
    default:
      return undefined;
  }
}

function ioctlRule(kind: HandleKind, { handle, request = 0, input }: Context): Rule | undefined {
  if (isMediated(handle?.device) && request !== VFIO.DEVICE_FEATURE) return files.MTTY;
  const rule = requestRule(kind, request);
  if (kind !== 'device' || input === undefined || input.length < 8) return rule;
  const words = new DataView(input.buffer, input.byteOffset, input.length);
  if (request === VFIO.DEVICE_FEATURE)
    return FEATURE_BY_INDEX.get(words.getUint32(4, true) & FEATURE_FLAG.MASK) ?? rule;
  if (request === VFIO.DEVICE_SET_IRQS && input.length >= irq_set.size)
    return IRQ_RULES[words.getUint32(irq_set.at.index, true)] ?? rule;
  return rule;
}

function transferRule(kind: HandleKind, context: Context, config: Uint8Array | undefined): Rule | undefined {
  const { handle, offset } = context;
  if (kind === 'config') return RAW_CONFIG;
  if (kind !== 'device' || offset === undefined) return files.STREAM_RULES[kind];
  if (isMediated(handle?.device)) return files.MTTY;
  const region = Math.floor(offset / REGION_SIZE);
  if (region !== REGION_CONFIG) return regionRule(region);
  const position = offset % REGION_SIZE;
  return configRule(position, config === undefined ? undefined : registerAt(config, position).capability);
}

/** Functions are named dddd:bb:dd.f, mediated devices by a uuid. */
function isMediated(device: string | undefined): boolean {
  return device !== undefined && /^[0-9a-f]{8}-/.test(device);
}
