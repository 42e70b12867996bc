/** VFIO_DEVICE_FEATURE as no program calls it: sizes, flags and probes. What is not to be carried out must change nothing. */
import { Buffer } from 'node:buffer';
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE, FEATURE_FLAG, MIG_STATE, MIGRATION, VFIO } from '../../uapi/vfio.ts';
import { FLAGS_SENT } from '../properties/fsm-legality.ts';
import { FEATURE_RULES, featureAnswer } from '../reference/feature-call.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { closeDevice, reopen } from './lifecycle.ts';
import { type Operation, whileOpen } from './operation.ts';
import { move } from './round-trip.ts';

const { GET, SET, PROBE } = FEATURE_FLAG;
const HOW = [GET | SET, SET | PROBE, GET | PROBE, GET | SET | PROBE, PROBE, GET, SET, 0];
/** Flags that nobody knows. */
const UNKNOWN = [0, 0x8_0000, 0x100_0000, 0x8000_0000];
const SIZES = [16, 8, 12, 15, 9, 7, 4, 0, 31, 32, 39, 40, 64];
const HEADER = 8;
/** Where the question stands what the device can do. */
const OFFERS = FEATURE_RULES.findIndex(({ feature }) => feature === FEATURE.MIGRATION);
/** Where the opt-in to more of PRECOPY_INFO stands. */
const OPT_IN = FEATURE_RULES.findIndex(({ feature }) => feature === FEATURE.MIG_PRECOPY_INFOv2);

const odd: Operation = {
  name: 'feature_odd',
  needs: 'migration',
  args: ['feature', 'how', 'unknown', 'argsz', 'value'],
  weights: whileOpen(4),
  generate(random) {
    if (random.chance(25)) return { feature: OPT_IN, how: HOW.indexOf(SET), unknown: 0, argsz: 1, value: 0 };
    return {
      feature: random.chance(50) ? 0 : random.below(FEATURE_RULES.length),
      how: random.below(HOW.length),
      unknown: random.chance(75) ? 0 : random.below(UNKNOWN.length),
      argsz: random.chance(50) ? 0 : random.below(SIZES.length),
      value: 1 + random.below(7),
    };
  },
  run(tenant, { feature, how, unknown, argsz: size, value }, world) {
    const number = feature! % FEATURE_RULES.length;
    const rule = FEATURE_RULES[number]!;
    const flags = (rule.feature | HOW[how! % HOW.length]! | UNKNOWN[unknown! % UNKNOWN.length]!) >>> 0;
    const argsz = SIZES[size! % SIZES.length]!;
    if (rule.logs === true && !world.profile.logging) return -ERRNO.EINVAL;
    const expected = featureAnswer(number, flags, argsz, tenant.flags);
    // What is carried out has operations of its own.
    if (expected === undefined && number !== OPT_IN && number !== OFFERS) return -ERRNO.EINVAL;
    const length = Math.max(argsz, HEADER);
    const view = tenant.scratch.begin(length);
    view.setUint32(0, argsz, true);
    view.setUint32(4, flags, true);
    if (length >= 12) view.setUint32(8, value!, true);
    const sent = tenant.scratch.bytes.slice(0, length);
    const result = tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_FEATURE, tenant.scratch.put(length));
    if (number === OPT_IN && expected === undefined) tenant.optedIn ||= result === 0;
    tenant.scratch.take(length);
    if (number === OFFERS && expected === undefined) {
      world.checks.fsm.offered(result, view.getBigUint64(HEADER, true));
      return result;
    }
    const written = Buffer.compare(sent, tenant.scratch.bytes.subarray(0, length)) !== 0;
    world.checks.fsm.featureAnswered(rule.feature, flags, result, expected ?? 0, written);
    stateKept(tenant, world);
    return result;
  },
};

/** A request that is refused, and a question what could be asked, leave the device in its state. */
function stateKept(tenant: Tenant, world: World): void {
  if (tenant.pending > 0 || tenant.state === undefined) return;
  const { result, state, dataFd } = tenant.device!.getState();
  world.checks.fsm.told(tenant, result, state, dataFd);
}

/** Who opts in to more of PRECOPY_INFO and leaves has not opted in for whoever comes next. */
const optInAndLeave: Operation = {
  name: 'opt_in_and_leave',
  needs: 'precopy',
  args: [],
  weights: [0, 0, 2, 0, 0, 0, 0, 0],
  generate: (_random, { flags, state, pending }) =>
    (flags & MIGRATION.PRE_COPY) === 0 || state !== MIG_STATE.RUNNING || pending > 0 ? undefined : {},
  run(tenant, _args, world) {
    const wanted = tenant.device!.feature(FEATURE.MIG_PRECOPY_INFOv2 | SET, 0);
    if (wanted !== 0 || tenant.pending > 0) return wanted;
    closeDevice(tenant, world);
    const opened = reopen(tenant, world);
    if (opened < 0) return opened;
    world.profile.prepare(tenant, world);
    const begun = move(tenant, world, MIG_STATE.PRE_COPY);
    const file = tenant.file('save');
    if (begun < 0 || file === undefined) return begun;
    const { result, flags } = tenant.device!.precopyInfo(file.fd, FLAGS_SENT);
    world.checks.fsm.promised(tenant, file, result, flags);
    return result;
  },
};

export const FEATURE_ODD: readonly Operation[] = [odd, optInAndLeave];
