/** The one interrupt of a serial card, which is INTx or MSI: armed, triggered by hand, masked. */
import { IRQ_SET, irq_set, PCI_IRQ, VFIO } from '../../uapi/vfio.ts';
import type { Tenant } from '../tenant.ts';
import { VECTORS } from '../tenant.ts';
import { type Operation, whileOpen } from './operation.ts';

const { ACTION_TYPE_MASK, ACTION_TRIGGER, ACTION_MASK, ACTION_UNMASK, DATA_NONE, DATA_BOOL, DATA_EVENTFD } = IRQ_SET;

const indexOf = (msi: number): number => (msi ? PCI_IRQ.MSI : PCI_IRQ.INTX);

/** SET_IRQS on the one vector; `value` is the byte of a DATA_BOOL. */
function setIrq(tenant: Tenant, index: number, flags: number, value = 0): number {
  const { scratch } = tenant;
  const { at, size } = irq_set;
  const length = size + (flags & DATA_BOOL ? 1 : 0);
  const view = scratch.begin(length);
  view.setUint32(at.argsz, length, true);
  view.setUint32(at.flags, flags, true);
  view.setUint32(at.index, index, true);
  view.setUint32(at.count, 1, true);
  if (flags & DATA_BOOL) view.setUint8(size, value);
  return tenant.process.ioctl(tenant.device!.fd, VFIO.DEVICE_SET_IRQS, scratch.put(length));
}

/** How the vector is named in a call that triggers or masks: without data, by a true byte, by a false one. */
const KINDS = [
  { data: DATA_NONE, value: 0 },
  { data: DATA_BOOL, value: 1 },
  { data: DATA_BOOL, value: 0 },
] as const;

/**
 * Which SET_IRQS names no vector, whatever its range says: one that disables the index, and one with no action or
 * several at once, which the card takes and does nothing about.
 */
export function namesNone(flags: number, count: number): boolean {
  return count === 0 || !ACTIONS.has(flags & ACTION_TYPE_MASK);
}
const ACTIONS = new Set<number>([ACTION_TRIGGER, ACTION_MASK, ACTION_UNMASK]);

/** Whether a SET_IRQS that succeeded has taken the eventfd away, if its eventfds were all -1. */
export function disarms(flags: number, count: number): boolean {
  if ((flags & ACTION_TYPE_MASK) !== ACTION_TRIGGER) return false;
  return (flags & DATA_EVENTFD) !== 0 || count === 0;
}

const arm: Operation = {
  name: 'arm_line',
  needs: 'serial',
  args: ['msi', 'event'],
  weights: whileOpen(4),
  generate: (random) => ({ msi: random.below(2), event: random.below(VECTORS) }),
  run(tenant, { msi, event }) {
    const { fd } = tenant.events[event! % VECTORS]!;
    const result = tenant.device!.setIrqs(indexOf(msi!), 0, [fd]);
    if (result === 0) tenant.armed[0] = event! % VECTORS;
    return result;
  },
};

const disarm: Operation = {
  name: 'disarm_line',
  needs: 'serial',
  args: ['msi'],
  weights: whileOpen(4),
  generate: (random) => ({ msi: random.below(2) }),
  run(tenant, { msi }) {
    const result = tenant.device!.setIrqs(indexOf(msi!), 0, []);
    if (result === 0) tenant.armed.fill(-1);
    return result;
  },
};

const trigger: Operation = {
  name: 'trigger_line',
  needs: 'serial',
  args: ['msi', 'kind'],
  weights: whileOpen(3),
  generate: (random) => ({ msi: random.below(2), kind: random.below(KINDS.length) }),
  run(tenant, { msi, kind }) {
    const { data, value } = KINDS[kind! % KINDS.length]!;
    return setIrq(tenant, indexOf(msi!), data | ACTION_TRIGGER, value);
  },
};

const mask: Operation = {
  name: 'mask_line',
  needs: 'serial',
  args: ['on', 'kind'],
  weights: whileOpen(3),
  generate: (random) => ({ on: random.below(2), kind: random.below(KINDS.length) }),
  run(tenant, { on, kind }) {
    const { data, value } = KINDS[kind! % KINDS.length]!;
    return setIrq(tenant, PCI_IRQ.INTX, data | (on ? ACTION_MASK : ACTION_UNMASK), value);
  },
};

export const LINE: readonly Operation[] = [arm, disarm, trigger, mask];
