/** A valid stream: what a device saves right after it was made ready, in a world of its own. */
import { MIG_STATE } from '../../uapi/vfio.ts';
import type { Setting } from '../setting.ts';
import type { Subject } from '../subject.ts';
import { World } from '../world.ts';

export function savedSample(subject: Subject, setting: Setting): Uint8Array {
  const { a } = new World(subject, setting, { secret: 0, fill: 0 });
  const answer = a.device!.setState(MIG_STATE.STOP_COPY);
  const parts: Uint8Array[] = [];
  for (;;) {
    const count = a.process.read(answer.dataFd, a.scratch.address, 65536);
    if (count <= 0) return Buffer.concat(parts);
    parts.push(a.process.memory.read(a.scratch.address, count)!);
  }
}
