/** Holds everything an iommufd holds against the reference: objects, mappings, translations, pins, charges. */
import { Access } from '../../iommufd/access.ts';
import type { Area } from '../../iommufd/area.ts';
import type { AnyHwpt, Hwpt } from '../../iommufd/hwpt.ts';
import type { Ioas } from '../../iommufd/ioas.ts';
import { DMA_CONFINEMENT } from '../properties/dma-confinement.ts';
import { FD_LIFETIME } from '../properties/fd-lifetime.ts';
import { FSM_LEGALITY } from '../properties/fsm-legality.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import { type ReferenceArea, type ReferenceIoas, span } from '../reference/ioas.ts';
import type { IommufdReference } from '../reference/iommufd.ts';
import type { World } from '../world.ts';
import type { Bench } from './bench.ts';
import { ABLE, type IommufdBench } from './iommufd-bench.ts';
import { Ledger } from './ledger.ts';
import { isolated, TranslationCheck } from './translation-check.ts';

type Problem = readonly [property: string, text: string];

/** After a call that may have changed something; it ends at the first difference. */
export function agreeIommufd(world: World, bench: Bench, side: IommufdBench): void {
  const ledger = new Ledger(world.machine.hardware.memory);
  const problem =
    objectsDiffer(side) ??
    spacesDiffer(side, ledger) ??
    devicesDiffer(world, bench, side) ??
    accountsDiffer(bench, side.reference) ??
    ledger.differs(bench) ??
    requestsWait(side);
  if (problem !== undefined) world.violate(problem[0], problem[1]);
}

function objectsDiffer({ kernel, reference }: IommufdBench): Problem | undefined {
  const { all } = kernel.objects;
  if (all.length !== reference.objects.size)
    return [
      FD_LIFETIME.name,
      `there are ${all.length} objects where ${reference.objects.size} were made and not destroyed`,
    ];
  for (const object of all) {
    const known = reference.objects.get(object.id);
    if (known?.kind !== object.kind) return [FD_LIFETIME.name, `object ${object.id} is of kind ${object.kind}`];
    const users = reference.users(object.id);
    if (object.users !== users)
      return [FD_LIFETIME.name, `${object.kind} ${object.id} counts ${object.users} users and has ${users}`];
    // An access of a hardware queue holds its address space for good.
    if (object instanceof Access && object.ioas?.id !== (known.holds[0] ?? reference.accessIoas?.id))
      return [FSM_LEGALITY.name, 'the emulated device is attached to another address space than it was told'];
  }
  if (kernel.vfioIoas?.id !== reference.compat?.id)
    return [FD_LIFETIME.name, 'container ioctls work on another address space than was chosen'];
  return undefined;
}

/** Whose device is attached no more was answered. */
function requestsWait({ queues }: IommufdBench): Problem | undefined {
  const waits = queues.refused.some(({ answered }) => answered !== 'invalid');
  queues.refused.length = 0;
  return waits ? [STREAM_ROBUSTNESS.name, 'a page request is not answered though its device is detached'] : undefined;
}

function spacesDiffer({ kernel, reference }: IommufdBench, ledger: Ledger): Problem | undefined {
  for (const [id, { ioas, hwpt, kind }] of reference.objects) {
    if (ioas !== undefined) {
      const problem = spaceDiffers(kernel.objects.get(id, 'ioas') as Ioas, ioas, ledger);
      if (problem !== undefined) return problem;
    }
    if (hwpt === undefined || kind !== 'hwpt-paging') continue;
    const { domain } = kernel.objects.get(id, 'hwpt-paging') as Hwpt;
    const check = new TranslationCheck(domain);
    for (const area of hwpt.ioas.areas) if (!areaTranslated(check, area)) break;
    const text = check.end();
    if (text !== undefined) return [DMA_CONFINEMENT.name, `${text} (page table ${id})`];
  }
  return undefined;
}

function areaTranslated(check: TranslationCheck, area: ReferenceArea): boolean {
  const { pages, read, write } = area;
  const mmio = pages.source.kind === 'dma-buf';
  let at = area.offset;
  for (let iova = Number(area.start); iova <= Number(area.last); ) {
    const length = Math.min(4096 - (at % 4096), Number(area.last) - iova + 1);
    const physical = pages.physical(Math.floor(at / 4096));
    if (physical !== undefined && !check.page(iova, physical + (at % 4096), read, write, mmio, length)) return false;
    iova += length;
    at += length;
  }
  return true;
}

function spaceDiffers({ id, table }: Ioas, known: ReferenceIoas, ledger: Ledger): Problem | undefined {
  const { all } = table.areas;
  if (all.length !== known.areas.length)
    return [
      DMA_CONFINEMENT.name,
      `address space ${id} has ${all.length} mappings where ${known.areas.length} were made`,
    ];
  for (const [index, area] of all.entries()) {
    const problem = areaDiffers(area, known.areas[index]!, known, ledger);
    if (problem !== undefined) return problem;
  }
  if (table.alignment !== known.alignment)
    return [
      FSM_LEGALITY.name,
      `address space ${id} is made of units of ${table.alignment} where ${known.alignment} are right`,
    ];
  if (table.hugePagesOff !== known.hugePagesOff || table.accesses.size !== known.accesses)
    return [FSM_LEGALITY.name, `address space ${id} has ${table.accesses.size} emulated devices, or another option`];
  const [usable, right] = [table.reserved.usable, known.usable];
  if (usable.length !== right.length || usable.some((r, i) => r.start !== right[i]![0] || r.last !== right[i]![1]))
    return [DMA_CONFINEMENT.name, `address space ${id} keeps other ranges free than its devices and page tables need`];
  return undefined;
}

function areaDiffers(area: Area, known: ReferenceArea, space: ReferenceIoas, ledger: Ledger): Problem | undefined {
  const name = `the mapping at ${known.start.toString(16)}`;
  if (area.start !== known.start || area.last !== known.last || area.offset !== known.offset)
    return [DMA_CONFINEMENT.name, `${name} is another: ${area.start.toString(16)} to ${area.last.toString(16)}`];
  if (area.read !== known.read || area.write !== known.write) return [DMA_CONFINEMENT.name, `${name} has other rights`];
  if ((area.hold !== undefined) !== known.pinned)
    return [DMA_CONFINEMENT.name, `${name} is held for page tables, or not`];
  const holds = space.holds.filter((hold) => hold.area === known);
  if (area.accesses.length !== holds.length)
    return [
      DMA_CONFINEMENT.name,
      `${name} is held ${area.accesses.length} times by emulated devices for ${holds.length}`,
    ];
  const { pages } = known;
  if (pages.source.kind === 'dma-buf' || pages.revoked) return undefined;
  const spans = known.pinned ? [span(known)] : [];
  for (const { first, last } of holds) spans.push([first, last]);
  for (const [first, last] of spans) for (let page = first; page <= last; page++) ledger.pin(pages.physical(page)!);
  return undefined;
}

function devicesDiffer(world: World, bench: Bench, { kernel, reference }: IommufdBench): Problem | undefined {
  const { iommu } = world.machine.hardware.fabric;
  let attached = 0;
  for (const { fn, name } of bench.devices) {
    const sees = iommu.domainOf(fn.aliasId);
    const shown = reference.shown(name);
    const right = shown && (kernel.objects.get(shown.id) as AnyHwpt | undefined)?.domain;
    if (right === undefined ? !isolated(sees) : sees !== right)
      return [DMA_CONFINEMENT.name, `${name} is behind another page table than it was attached to`];
    const { pasids, pasidCount } = reference.devices.find((device) => device.name === name)!;
    if (pasidCount === 0) continue;
    attached += pasids.size;
    for (const [pasid, { id }] of pasids)
      if (iommu.domainOf(fn.aliasId, pasid) !== (kernel.objects.get(id) as AnyHwpt).domain)
        return [DMA_CONFINEMENT.name, `PASID ${pasid} of ${name} is behind another page table than it was attached to`];
  }
  // Only one device has PASIDs, and so there is no other tenant's.
  if (bench.devices[0]?.name === ABLE && iommu.pasidContexts !== attached)
    return [DMA_CONFINEMENT.name, 'a PASID is translated that is attached to nothing'];
  return undefined;
}

function accountsDiffer(bench: Bench, reference: IommufdReference): Problem | undefined {
  for (const space of bench.spaces) {
    if (space.lockedPages !== reference.locked(space))
      return [
        RESOURCE_BOUND.name,
        `locked_vm is ${space.lockedPages} pages for ${reference.locked(space)} that are held`,
      ];
    if (space.pinnedPages !== reference.pinned(space))
      return [
        RESOURCE_BOUND.name,
        `pinned_vm is ${space.pinnedPages} pages for ${reference.pinned(space)} that are held`,
      ];
  }
  const { lockedPages } = bench.process.user;
  const due = reference.lockedOfUser();
  return lockedPages === due
    ? undefined
    : [RESOURCE_BOUND.name, `the user is charged ${lockedPages} pages for ${due} that are held`];
}
