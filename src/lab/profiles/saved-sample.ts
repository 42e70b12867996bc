/** A valid stream: what a device saves right after it was made ready, in a world of its own. */
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { DeclaredVariant } from '../../variant/variant.ts';
import { World } from '../world.ts';
import type { DeviceProfile } from './profile.ts';

export function savedSample(variant: DeclaredVariant, profile: DeviceProfile): Uint8Array {
  const { a } = new World(variant, profile, { secret: 0, fill: 0 });
  const answer = a.device!.setState(MIG_STATE.STOP_COPY);
  const parts: Uint8Array[] = [];
  for (;;) {
    const count = a.process.read(answer.dataFd, a.client.scratch.address, 65536);
    if (count <= 0) return Buffer.concat(parts);
    parts.push(a.process.memory.read(a.client.scratch.address, count)!);
  }
}
