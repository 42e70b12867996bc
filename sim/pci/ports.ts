/** What a function lends to its model: never the function itself, nor the machine. */
import type { Fabric } from '../fabric.ts';
import type { Scheduler } from '../scheduler.ts';
import type { PciFunction } from './function.ts';
import type { DevicePorts } from './model.ts';

/** The ports of one function. */
export function portsOf(fn: PciFunction, fabric: Fabric, scheduler: Scheduler): DevicePorts {
  return {
    config: fn.config,
    vf: fn.vf,
    dma: {
      read: (iova, into, pasid) => {
        if (fn.mayRequest) return fabric.read(fn, iova, into, pasid);
        into.fill(0xff);
        return false;
      },
      write: (iova, bytes, pasid) => fn.mayRequest && fabric.write(fn, iova, bytes, pasid),
      pageRequest(request, respond) {
        if (!fn.mayRequest || !fn.mayRequestPages) return false;
        const before = fn.resets;
        fabric.iommu.pageRequests.request(fn.aliasId, request, (response) => {
          // An answer to what a reset made it forget is not expected any more, and dropped.
          if (before === fn.resets) respond(response);
        });
        return true;
      },
    },
    interrupts: {
      message: (vector) => fn.raise(vector),
      level: (asserted) => fn.intx.set(asserted, fn.interruptMode),
      get mode() {
        return fn.interruptMode;
      },
    },
    later: (delay, work) => {
      const before = fn.resets;
      scheduler.after(delay, fn.template.description.name, () => {
        if (before === fn.resets) work();
      });
    },
  };
}
