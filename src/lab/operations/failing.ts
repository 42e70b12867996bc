/** Calls in the middle of which the kernel runs out of something: they must fail, and leave nothing behind. */
import { ERRNO } from '../../uapi/errno.ts';
import { noteCommand } from '../pci/memory-on.ts';
import { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { DMA_BUF_OPERATIONS } from './dma-buf.ts';
import { IOEVENTFD_OPERATIONS } from './ioeventfd.ts';
import { closeDevice, reopen } from './lifecycle.ts';
import { type Operation, whileOpen } from './operation.ts';
import { PCI_IRQS } from './pci-irqs.ts';

/** What fails: an allocation, a copy to or from the user, the making of a file. */
const KINDS = ['allocation', 'copy', 'file'] as const;
/** Points of failure that a call passes at most. */
const MOST = 12;
const NAMES = new Set(['irq_arm', 'host_irq_arm', 'intx_unmask_by', 'ioeventfd', 'buf_export']);
const TARGETS = [...PCI_IRQS, ...IOEVENTFD_OPERATIONS, ...DMA_BUF_OPERATIONS].filter(({ name }) => NAMES.has(name));

const failing: Operation = {
  name: 'failing',
  needs: 'pci',
  args: ['kind', 'point', 'target', 'salt'],
  weights: [12, 3, 3, 3, 3, 3, 3, 3],
  generate: (random, { pending }) =>
    pending > 0
      ? undefined
      : {
          kind: random.chance(70) ? 0 : random.below(KINDS.length),
          point: 1 + random.below(random.chance(50) ? 4 : MOST),
          target: random.below(TARGETS.length),
          salt: random.bits(),
        },
  run(tenant, { kind, point, target, salt }, world) {
    const { faults } = world.machine.kernel;
    const call = (): number => {
      faults.arm(KINDS[kind! % KINDS.length]!, Math.max(1, point!));
      const result = tenant.device === undefined ? open(tenant) : perform(tenant, world, target!, salt!);
      faults.disarm();
      return result;
    };
    return tenant.device === undefined ? afterOpen(tenant, world, call()) : call();
  },
};

/** Not what the lab asks afterwards: that must not fail. */
const open = (tenant: Tenant): number => tenant.openDevice();

function afterOpen(tenant: Tenant, world: World, result: number): number {
  if (result >= 0) {
    world.checks.residue.opened(tenant);
    noteCommand(tenant);
  } else world.checks.descriptors.closedLast(tenant);
  return result;
}

function perform(tenant: Tenant, world: World, target: number, salt: number): number {
  const operation = TARGETS[target % TARGETS.length]!;
  const args = operation.generate(new Random(salt), tenant, world);
  return args === undefined ? -ERRNO.EINVAL : world.finish(tenant, operation.run(tenant, args, world, false));
}

/** The device is closed, an open fails in the middle, and the next one is to find nothing of it. */
const failingOpen: Operation = {
  name: 'failing_open',
  needs: 'pci',
  args: ['kind', 'point'],
  weights: whileOpen(2),
  generate: (random, { pending }) =>
    pending > 0
      ? undefined
      : {
          kind: random.chance(80) ? 0 : random.below(KINDS.length),
          point: 1 + random.below(random.chance(60) ? 6 : 2 * MOST),
        },
  run(tenant, { kind, point }, world) {
    closeDevice(tenant, world);
    const { faults } = world.machine.kernel;
    faults.arm(KINDS[kind! % KINDS.length]!, Math.max(1, point!));
    const result = open(tenant);
    faults.disarm();
    afterOpen(tenant, world, result);
    return result >= 0 ? result : reopen(tenant, world);
  },
};

export const FAILING: readonly Operation[] = [failing, failingOpen];
