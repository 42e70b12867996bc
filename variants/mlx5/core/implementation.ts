/** The PF driver's side of the declared interactions. */
import type { ParentImplementation } from '../../../src/variant/interaction.ts';
import type { Mlx5Interactions } from '../parent.ts';
import { queryVhca } from './capabilities.ts';
import type { Mlx5Core } from './core.ts';
import { VECTOR } from './registers.ts';

/** The interactions of one PF. */
export function implementationOf(core: Mlx5Core): ParentImplementation<Mlx5Interactions> {
  return {
    identify: ({ functionId }) => queryVhca(core.hca.queue, functionId),
    suspend: ({ vhcaId, opMod }) => core.hca.migration.suspend(vhcaId, opMod),
    resume: ({ vhcaId, opMod }) => core.hca.migration.resume(vhcaId, opMod),
    query: ({ vhcaId, incremental, chunk }) => core.hca.migration.query(vhcaId, incremental, chunk),
    save: ({ vhcaId, incremental, track, mkey, size }) =>
      core.hca.migration.save(vhcaId, incremental, track, mkey, size),
    load: ({ vhcaId, image, size }) => core.hca.migration.load(vhcaId, image.mkey, size),
    allocPd: () => core.hca.objects.allocPd(),
    deallocPd: ({ pd }) => core.hca.objects.deallocPd(pd),
    createMkey: ({ pd, pages }) => core.hca.objects.createMkey(pd, pages),
    destroyMkey: ({ mkey }) => core.hca.objects.destroyMkey(mkey),
    createCq: ({ ring }) => core.hca.queues.createCq(ring, VECTOR.COMPLETION),
    destroyCq: ({ cqn }) => core.hca.queues.destroyCq(cqn),
    createQp: ({ pd, cqn, ring }) => core.hca.queues.createQp(pd, cqn, ring),
    destroyQp: ({ qpn }) => core.hca.queues.destroyQp(qpn),
    rst2Init: ({ qpn }) => core.hca.queues.rst2Init(qpn),
    init2Rtr: ({ qpn, remote }) => core.hca.queues.init2Rtr(qpn, remote),
    rtr2Rts: ({ qpn }) => core.hca.queues.rtr2Rts(qpn),
    createTracker: ({ vhcaId, spec }) => core.hca.trackers.create(vhcaId, spec),
    report: ({ tracker, start, length }) => core.hca.trackers.report(tracker, start, length),
    trackerState: ({ tracker }) => core.hca.trackers.state(tracker),
    destroyTracker: ({ tracker }) => core.hca.trackers.destroy(tracker),
  };
}
