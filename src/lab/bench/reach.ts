/** Where a device's request must go, by the reference model. */
import type { Bench } from './bench.ts';
import type { BenchDevice } from './device.ts';

/** What is behind an IOVA, to the end of its page or mapping. */
export interface Reached {
  readonly physical: number;
  /** Bytes from there on. */
  readonly room: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly mmio: boolean;
}

export function reach(bench: Bench, device: BenchDevice, iova: bigint): Reached | undefined {
  const { type1, iommufd } = bench;
  if (iommufd !== undefined) return iommufd.reference.reach(device.name, iova);
  const joined = type1!.groups.some((group) => group.joined && group.devices.includes(device));
  const entry = joined ? type1!.reference.find(iova, 1n) : undefined;
  if (entry?.pages === undefined) return undefined;
  const offset = Number(iova - entry.start);
  const page = entry.pages[Math.floor(offset / 4096)]!;
  const within = offset % 4096;
  const { read, write } = entry;
  return { physical: page.physical + within, room: 4096 - within, read, write, mmio: false };
}
