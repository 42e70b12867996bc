/** struct vfio_log_ops of mlx5-vfio-pci (drivers/vfio/pci/mlx5/main.c: mlx5vf_pci_log_ops). */
import type { VfioLogOps } from '../../src/vfio/migration/ops.ts';
import type { Mlx5VfDevice } from './device.ts';

/** `D`: the driver's device; `vf` finds what is migratable of it. */
export function logOps<D>(vf: (device: D) => Mlx5VfDevice): VfioLogOps<D> {
  return {
    *log_start(data, ranges, pageSize) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      const used = yield* device.tracker.start(ranges, pageSize);
      yield* device.unlock();
      return used;
    },
    *log_stop(data) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      yield* device.tracker.release();
      yield* device.unlock();
      return 0;
    },
    *log_read_and_clear(data, iova, length, dirty) {
      const device = vf(data);
      yield* device.stateMutex.lock();
      const result = yield* device.tracker.report(iova, length, dirty);
      yield* device.unlock();
      return result;
    },
  };
}
