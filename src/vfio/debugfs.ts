/** /sys/kernel/debug/vfio: what each registered device is doing, for whoever debugs the host (drivers/vfio/debugfs.c). */
import { collection, type Directory, directory, type Node } from '../kernel/sysfs/node.ts';
import { MIGRATION } from '../uapi/vfio.ts';
import type { VfioCore } from './core.ts';
import type { VfioDevice } from './device.ts';

/** Words of `migration/features`, in the kernel's order. */
const FEATURES = [
  [MIGRATION.STOP_COPY, 'stop-copy'],
  [MIGRATION.P2P, 'p2p'],
  [MIGRATION.PRE_COPY, 'pre-copy'],
] as const;

/** One directory for each device, under its name, as long as it is registered. */
export function vfioDebug(core: VfioCore): Directory {
  return collection(
    () => core.views.keys(),
    (name) => {
      const device = core.views.get(name);
      return device && view(device);
    },
  );
}

/** Only a device that can be migrated has something to show. */
function view(device: VfioDevice): Node {
  if (device.migOps === undefined) return directory({});
  const words = FEATURES.filter(([flag]) => (device.migrationFlags & flag) !== 0).map(([, word]) => word);
  return directory({
    migration: () => directory({ features: () => ({ kind: 'attribute', show: () => `${words.join(' ')}\n` }) }),
  });
}
