/** A machine with two tenants outside of a campaign, and a stream loaded into the device of one of them. */
import { PLAIN, type Setting } from '../lab/setting.ts';
import type { Subject } from '../lab/subject.ts';
import type { Tenant } from '../lab/tenant.ts';
import { World } from '../lab/world.ts';
import { MIG_STATE } from '../uapi/vfio.ts';

/** What was answered to a stream: all zero or more if it was taken. */
export interface LoadAnswer {
  /** Bytes that were taken, or the negated errno with which the stream was refused. */
  readonly written: number;
  /** Of letting the device run with what was loaded: 0, or a negated errno. */
  readonly runs: number;
}

/** A booted machine of the subject: tenants `a` and `b` have their devices open and ready, `inside` looks into them. */
export function bootWorld(subject: Subject, setting: Setting = PLAIN): World {
  return new World(subject, setting, { secret: 0x5ec2e701, fill: 0x5a });
}

/** Writes a stream into a tenant's device, in calls of `chunk` bytes at most, and lets the device run. */
export function loadStream({ device, process, scratch }: Tenant, stream: Uint8Array, chunk = scratch.size): LoadAnswer {
  const { result, dataFd } = device!.setState(MIG_STATE.RESUMING);
  if (result < 0) return { written: result, runs: result };
  let written = 0;
  while (written >= 0 && written < stream.length) {
    const part = stream.subarray(written, written + Math.min(chunk, scratch.size));
    const count = process.write(dataFd, scratch.load(part), part.length);
    if (count === 0) break;
    written = count < 0 ? count : written + count;
  }
  process.close(dataFd);
  return { written, runs: device!.setState(MIG_STATE.RUNNING).result };
}
