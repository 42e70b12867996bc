/** Calls in the middle of which the kernel runs out of something: they must fail, and leave what they found. */
import { ERRNO } from '../../uapi/errno.ts';
import { MIG_STATE, PCI_IRQ } from '../../uapi/vfio.ts';
import { FAILURES, Injection } from '../injection.ts';
import { applies } from '../offers.ts';
import { noteCommand } from '../pci/memory-on.ts';
import { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import { DMA } from './dma.ts';
import { DMA_BUF_OPERATIONS } from './dma-buf.ts';
import { IOEVENTFD_OPERATIONS } from './ioeventfd.ts';
import { closeDevice, reopen } from './lifecycle.ts';
import { LOGGING } from './logging.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import { type Operation, whileOpen } from './operation.ts';
import { PCI_IRQS } from './pci-irqs.ts';

/** Percent of them that are not made where a driver has more to show than its calls: two ledgers are taken for each. */
const LESS = 50;
/** Points of failure that a call passes at most. */
const MOST = 12;
/** Operations that are one call, and what they may leave behind when it fails. */
const LEAVES: ReadonlyMap<string, RegExp | undefined> = new Map([
  // vfio_msi_set_vector_signal: what was there goes first, and an interrupt that was allocated stays until MSI-X is disabled.
  ['irq_arm', /^(interrupt vectors|vfio-pci: eventfds):/],
  ['host_irq_arm', undefined],
  ['intx_unmask_by', undefined],
  ['ioeventfd', undefined],
  ['buf_export', undefined],
  ['map', undefined],
  ['set_state', undefined],
  ['get_state', undefined],
  ['data_size', undefined],
  ['log_start', undefined],
  ['log_report', undefined],
]);
/** What a session that goes on saving has taken for its next save stays with it (mlx5vf_put_data_buffer). */
const POOL = /^(memory: (extents|bytes)|.*: mkey)/;
const SAVING: ReadonlySet<number | undefined> = new Set([
  MIG_STATE.STOP_COPY,
  MIG_STATE.PRE_COPY,
  MIG_STATE.PRE_COPY_P2P,
]);
const TARGETS = [
  ...PCI_IRQS,
  ...IOEVENTFD_OPERATIONS,
  ...DMA_BUF_OPERATIONS,
  ...DMA,
  ...MIGRATION_OPERATIONS,
  ...LOGGING,
].filter(({ name }) => LEAVES.has(name));

const failing: Operation = {
  name: 'failing',
  args: ['kind', 'point', 'target', 'salt'],
  weights: [12, 3, 3, 3, 3, 3, 3, 3],
  generate: (random, tenant, world) =>
    // Whose command fails follows from who calls, and what B is answered must not.
    tenant !== world.a || tenant.pending > 0 || (world.profile.pci === undefined && random.chance(LESS))
      ? undefined
      : {
          kind: random.chance(60) ? 0 : random.below(world.profile.failures === undefined ? 3 : 4),
          point: 1 + random.below(random.chance(50) ? 4 : MOST),
          target: random.below(TARGETS.length),
          salt: random.bits(),
        },
  run(tenant, { kind, point, target, salt }, world) {
    if (tenant.pending === 0) world.settle();
    const injection = new Injection(world, tenant, FAILURES[kind! % FAILURES.length]!, Math.max(1, point!));
    return tenant.device === undefined
      ? open(tenant, world, injection)
      : perform(tenant, world, injection, target!, salt!);
  },
};

function open(tenant: Tenant, world: World, injection: Injection): number {
  // Not what the lab asks afterwards: that must not fail.
  const result = injection.into(() => tenant.openDevice());
  if (result >= 0) {
    world.checks.residue.opened(tenant);
    if (world.profile.pci !== undefined) noteCommand(tenant);
    return result;
  }
  world.checks.descriptors.closedLast(tenant);
  injection.judge(result);
  return result;
}

function perform(tenant: Tenant, world: World, injection: Injection, target: number, salt: number): number {
  const targets = TARGETS.filter((operation) => applies(world, operation));
  const operation = targets[target % targets.length];
  const args = operation?.generate(new Random(salt), tenant, world);
  if (operation === undefined || args === undefined) return -ERRNO.EINVAL;
  const { state } = tenant;
  const asleep = tenant.pci.lowPower;
  const result = injection.intoFirstIoctl(() => world.finish(tenant, operation.run(tenant, args, world, false)));
  if (tenant.pending === 0) world.settle();
  // A request for a state that fails on its way leaves the device in a state of that way; and any call wakes a device.
  if (tenant.state !== state || asleep || world.excused) return result;
  const pooled = operation.name === 'set_state' && SAVING.has(state);
  // vfio_intx_enable gives everything back; vectors go as the comment above says.
  const line = args['index'] === PCI_IRQ.INTX;
  injection.judge(result, pooled ? POOL : line ? undefined : LEAVES.get(operation.name));
  return result;
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
      : { kind: random.chance(80) ? 0 : random.below(3), point: 1 + random.below(random.chance(60) ? 6 : 2 * MOST) },
  run(tenant, { kind, point }, world) {
    closeDevice(tenant, world);
    const injection = new Injection(world, tenant, FAILURES[kind! % 3]!, Math.max(1, point!));
    const result = open(tenant, world, injection);
    return result >= 0 ? result : reopen(tenant, world);
  },
};

export const FAILING: readonly Operation[] = [failing, failingOpen];
