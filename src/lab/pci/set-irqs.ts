/** VFIO_DEVICE_SET_IRQS as the lab makes it: the model follows what succeeds, and knows whose signals these may be. */
import type { Result } from '../../kernel/file.ts';
import { IRQ_SET, irq_set, PCI_IRQ, VFIO } from '../../uapi/vfio.ts';
import { after } from '../operations/operation.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';
import type { IrqModel, IrqRequest } from './irq-model.ts';
import { isUp } from './is-up.ts';

const { DATA_BOOL, DATA_EVENTFD } = IRQ_SET;

/** A number in place of an eventfd that is none: a descriptor that is not open. */
export const BAD_FD = 99;
const NOT_OPEN = 1000;

/** The model after the answer; `before`: what it was, if the request has been anticipated. */
export function judge(irqs: IrqModel, request: IrqRequest, before: IrqModel | undefined, result: number): void {
  irqs.replaced = -1;
  if (result === 0) {
    if (before === undefined) irqs.follow(request);
    return;
  }
  if (before !== undefined) irqs.back(before);
  if (result < 0) irqs.failed(request, result, BAD_FD);
}

function descriptor({ events }: Tenant, event: number): number {
  return event < 0 ? -1 : (events[event]?.fd ?? NOT_OPEN);
}

/** The call, left under way if `spawned`. `argsz` is what it needs unless given. */
export function setIrqs(tenant: Tenant, world: World, request: IrqRequest, spawned = false, argsz?: number): Result {
  const { index, flags, start, count, data } = request;
  const { at, size } = irq_set;
  const width = flags & DATA_EVENTFD ? 4 : flags & DATA_BOOL ? 1 : 0;
  const length = size + width * data.length;
  const scratch = spawned ? tenant.spare : tenant.scratch;
  const view = scratch.begin(length);
  view.setUint32(at.argsz, argsz ?? length, true);
  view.setUint32(at.flags, flags, true);
  view.setUint32(at.index, index, true);
  view.setUint32(at.start, start, true);
  view.setUint32(at.count, count, true);
  for (const [i, value] of data.entries())
    if (width === 4) view.setInt32(size + 4 * i, descriptor(tenant, value), true);
    else if (width === 1) view.setUint8(size + i, value);
  const { irqs } = tenant.pci;
  const { interrupts } = world.checks;
  // Waking up for the call unmasks what falling asleep has masked: it may come twice.
  if (tenant.pci.lowPower && (index === PCI_IRQ.INTX || flags & IRQ_SET.ACTION_UNMASK)) irqs.deferred = true;
  if (index === PCI_IRQ.MSI && flags & DATA_EVENTFD) tenant.pci.askedFor = Math.max(tenant.pci.askedFor, start + count);
  let before = irqs.anticipate(request);
  interrupts.triggering(tenant, request);
  const call = tenant.process.ioctlCall(tenant.device!.fd, VFIO.DEVICE_SET_IRQS, scratch.put(length));
  if (spawned || typeof call === 'number') interrupts.cause = undefined;
  // It waits for another call: what it arms is armed when it ends.
  if (spawned && typeof call !== 'number' && before !== undefined) {
    irqs.back(before);
    before = undefined;
  }
  return after(call, (result) => {
    interrupts.cause = undefined;
    judge(irqs, request, before, result);
    irqs.cameUntold(isUp(tenant.fn!));
    if (tenant.fn!.powerState !== 0 && (index === PCI_IRQ.MSI || index === PCI_IRQ.MSIX)) sleeping(tenant, index);
    // INTX_DISABLE comes back as it was saved on the way to sleep.
    if (tenant.fn!.powerState !== 0 && index === PCI_IRQ.INTX) irqs.unsure = true;
    return result;
  });
}

/** Asleep the function does not take messages: what it has when it wakes is not known. */
function sleeping({ pci }: Tenant, index: number): void {
  if (pci.irqs.type === index) pci.irqs.unsure = true;
  pci.muted = true;
}
