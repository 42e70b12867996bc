/** VFIO_DEVICE_FEATURE of a PCI function as no program calls it: what is refused, or only asked, changes nothing. */
import { Buffer } from 'node:buffer';
import { EXT_CAP } from '../../../sim/pci/registers.ts';
import { ERRNO } from '../../uapi/errno.ts';
import { FEATURE_FLAG, VFIO } from '../../uapi/vfio.ts';
import { coreOf } from '../pci/core-of.ts';
import { PCI_FEATURE_RULES, pciFeatureAnswer } from '../reference/pci-feature-call.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { type Operation, whileOpen } from './operation.ts';

const { GET, SET, PROBE } = FEATURE_FLAG;
const HOW = [SET, SET | PROBE, GET | PROBE, GET | SET, GET | SET | PROBE, PROBE, GET, 0];
const UNKNOWN = [0, 0x8_0000, 0x100_0000, 0x8000_0000];
const SIZES = [8, 9, 12, 15, 16, 20, 23, 24, 7, 4, 0, 32];
const HEADER = 8;

const odd: Operation = {
  name: 'pci_feature_odd',
  needs: 'pci',
  args: ['feature', 'how', 'unknown', 'argsz', 'value'],
  weights: whileOpen(3),
  generate(random, { pending, pci, fn }) {
    if (pending > 0 || pci.lowPower) return undefined;
    const [argsz, value] = [random.below(SIZES.length), random.bits()];
    // Where there can be VFs there is a token, which is the one argument that has a size.
    if (fn!.capability(EXT_CAP.SRIOV, true) !== 0 && random.chance(50))
      return { feature: 0, how: 0, unknown: 0, argsz, value };
    return {
      feature: random.below(PCI_FEATURE_RULES.length),
      how: random.chance(40) ? random.below(2) : random.below(HOW.length),
      unknown: random.chance(80) ? 0 : random.below(UNKNOWN.length),
      argsz,
      value,
    };
  },
  run(tenant, { feature, how, unknown, argsz: size, value }, world) {
    const { pending, fn, scratch } = tenant;
    const asleep = tenant.pci.lowPower;
    const rule = PCI_FEATURE_RULES[feature! % PCI_FEATURE_RULES.length]!;
    const flags = (rule.feature | HOW[how! % HOW.length]! | UNKNOWN[unknown! % UNKNOWN.length]!) >>> 0;
    const argsz = SIZES[size! % SIZES.length]!;
    const expected = pciFeatureAnswer(rule, flags, argsz, fn!.capability(EXT_CAP.SRIOV, true) !== 0);
    // What is carried out has operations of its own.
    if (pending > 0 || expected === undefined) return -ERRNO.EINVAL;
    const length = Math.max(argsz, HEADER);
    const view = scratch.begin(length);
    view.setUint32(0, argsz, true);
    view.setUint32(4, flags, true);
    for (let at = HEADER; at + 4 <= length; at += 4) view.setUint32(at, value! >>> 0, true);
    const sent = scratch.bytes.slice(0, length);
    const before = kept(tenant, world);
    const result = tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_FEATURE, scratch.put(length));
    scratch.take(length);
    const written = Buffer.compare(sent, scratch.bytes.subarray(0, length)) !== 0;
    const { config } = world.checks;
    if (result !== expected || written) config.feature(rule.feature, flags, result, expected);
    // A call wakes a device that its user let sleep.
    if (!asleep && kept(tenant, world) !== before) config.featureDone(rule.feature, flags);
    return result;
  },
};

/** What such a call could change. */
function kept({ bdf, process }: Tenant, { machine }: World): string {
  const core = coreOf(machine, bdf);
  if (core === undefined) return '';
  const { power, vfToken, dmaBufs } = core;
  return [power.engaged, power.userCount, vfToken?.uuid.join(), dmaBufs?.size, process.files.open.length].join(' ');
}

export const PCI_FEATURE_ODD: readonly Operation[] = [odd];
