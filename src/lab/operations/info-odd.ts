/** The calls that tell of a device, with arguments of sizes that no program gives. */
import { VFIO } from '../../uapi/vfio.ts';
import { type Operation, whileOpen } from './operation.ts';

const CALLS = [VFIO.DEVICE_GET_INFO, VFIO.DEVICE_GET_REGION_INFO, VFIO.DEVICE_GET_IRQ_INFO];
const SIZES = [0, 4, 8, 12, 15, 16, 17, 20, 24, 31, 32, 33, 40, 64, 128];
/** Bytes that a kernel may read and write whatever it is told: the first version of the largest struct. */
const FIRST = 32;

const odd: Operation = {
  name: 'info_odd',
  needs: 'pci',
  args: ['kind', 'argsz', 'index', 'flags'],
  weights: whileOpen(2),
  generate: (random) => ({
    kind: random.below(CALLS.length),
    argsz: random.pick(SIZES),
    index: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xffff_ffff]),
    flags: random.chance(80) ? 0 : random.bits(),
  }),
  run(tenant, { kind, argsz, index, flags }, world) {
    const { scratch, process } = tenant;
    const length = Math.max(argsz!, FIRST);
    const view = scratch.begin(length);
    view.setUint32(0, argsz!, true);
    view.setUint32(4, flags!, true);
    view.setUint32(8, index!, true);
    world.checks.config.asking(tenant);
    const result = process.ioctl(tenant.device!.fd, CALLS[kind! % CALLS.length]!, scratch.put(length));
    world.checks.config.asked(tenant);
    scratch.take(length);
    world.observe(tenant, scratch.bytes.slice(0, length));
    return result;
  },
};

export const INFO_ODD: readonly Operation[] = [odd];
