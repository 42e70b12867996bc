/** What a migratable device's driver implements: struct vfio_migration_ops and vfio_log_ops of include/linux/vfio.h. */
import type { Task } from '../../../sim/scheduler.ts';
import type { OpenFile } from '../../kernel/file.ts';
import type { MigState } from '../../uapi/vfio.ts';

/** Outcome of migration_set_state: the data file of the last arc, nothing, or a negated errno. */
export type SetStateResult = OpenFile | undefined | number;

/** struct vfio_migration_ops. `D` is the driver's own device. */
export interface VfioMigrationOps<D> {
  /** Walks to `state`; `state` is the user's number, unchecked: vfio_mig_get_next_state checks it. */
  migration_set_state(device: D, state: number): Task<SetStateResult>;
  /** The state now, or a negated errno. ERROR is 0, so callers test for negative. */
  migration_get_state(device: D): Task<MigState | number>;
  /** Estimated bytes of a stop-copy stream, or a negated errno. */
  migration_get_data_size(device: D): Task<number>;
}

/** A range whose writes by the device are recorded; bytes. `last` is inclusive, so 2^64 - 1 fits: bigint. */
export interface LogRange {
  readonly start: bigint;
  readonly last: bigint;
}

/** The user's bitmap, as iova_bitmap_set sees it: marks pages; addresses outside are ignored. */
export interface IovaBitmap {
  set(iova: bigint, length: bigint): void;
}

/** struct vfio_log_ops. */
export interface VfioLogOps<D> {
  /** Starts tracking; returns the page size used (which the user gets back), or a negated errno. */
  log_start(device: D, ranges: readonly LogRange[], pageSize: bigint): Task<bigint | number>;
  log_stop(device: D): Task<number>;
  log_read_and_clear(device: D, iova: bigint, length: bigint, dirty: IovaBitmap): Task<number>;
}
