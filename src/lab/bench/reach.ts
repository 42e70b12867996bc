/** Where a device's request must go, by the reference model. */
import type { IommufdReference } from '../reference/iommufd.ts';
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
  if (iommufd !== undefined) return throughIommufd(iommufd.reference, device.name, iova);
  const joined = type1!.groups.some((group) => group.joined && group.devices.includes(device));
  const entry = joined ? type1!.reference.find(iova, 1n) : undefined;
  if (entry?.pages === undefined) return undefined;
  const offset = Number(iova - entry.start);
  const page = entry.pages[Math.floor(offset / 4096)]!;
  const within = offset % 4096;
  const { read, write } = entry;
  return { physical: page.physical + within, room: 4096 - within, read, write, mmio: !page.charged };
}

function throughIommufd(reference: IommufdReference, name: string, iova: bigint): Reached | undefined {
  const hwpt = reference.shown(name);
  if (hwpt === undefined || hwpt.stage === 'abort') return undefined;
  const area = hwpt.ioas.at(iova);
  if (area === undefined) return undefined;
  const at = area.offset + Number(iova - area.start);
  const physical = area.pages.physical(Math.floor(at / 4096));
  if (physical === undefined) return undefined;
  const room = Math.min(4096 - (at % 4096), Number(area.last - iova) + 1);
  const { read, write } = area;
  return { physical: physical + (at % 4096), room, read, write, mmio: area.pages.source.kind === 'dma-buf' };
}
