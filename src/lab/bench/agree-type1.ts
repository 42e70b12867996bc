/** Holds everything a container with type1 holds against the reference model: mappings, translations, pins, charges. */
import type { Domain } from '../../../sim/iommu/domain.ts';
import { bitmapBytes } from '../../vfio/type1/dirty-bitmap.ts';
import type { Dma } from '../../vfio/type1/dma.ts';
import type { Type1 } from '../../vfio/type1/type1.ts';
import { DIRTY_TRACKING_SOUNDNESS } from '../properties/dirty-tracking-soundness.ts';
import { DMA_CONFINEMENT } from '../properties/dma-confinement.ts';
import { FSM_LEGALITY } from '../properties/fsm-legality.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import type { Type1Reference } from '../reference/type1.ts';
import type { Type1Entry } from '../reference/type1-entry.ts';
import type { World } from '../world.ts';
import type { Bench } from './bench.ts';
import { Ledger } from './ledger.ts';
import { isolated, TranslationCheck } from './translation-check.ts';
import type { Type1Bench } from './type1-bench.ts';

const hex = (value: number | bigint): string => value.toString(16);

/** After a call that may have changed something; it ends at the first difference. */
export function agreeType1(world: World, bench: Bench, { reference, kernel, groups }: Type1Bench): void {
  const say = (property: string, text: string): void => world.violate(property, text);
  if ((kernel !== undefined) !== reference.active) {
    say(DMA_CONFINEMENT.name, 'the IOMMU driver of a container stays behind its groups');
    return;
  }
  const ledger = new Ledger(world.machine.hardware.memory);
  if (kernel !== undefined) {
    const problem = mappingsDiffer(kernel, reference, ledger);
    if (problem !== undefined) return say(problem[0], problem[1]);
  }
  const domain = kernel?.state.domains[0]?.domain;
  const problem = domain && translationDiffers(domain, reference);
  if (problem !== undefined) return say(DMA_CONFINEMENT.name, problem);
  const { iommu } = world.machine.hardware.fabric;
  for (const { devices, joined } of groups)
    for (const device of devices) {
      const sees = iommu.domainOf(device.fn.aliasId);
      if (joined ? sees !== domain : !isolated(sees))
        return say(
          DMA_CONFINEMENT.name,
          `${device.name} is ${joined ? 'not ' : 'still '}behind its container's page table`,
        );
    }
  for (const space of bench.spaces)
    if (space.lockedPages !== reference.locked(space))
      return say(
        RESOURCE_BOUND.name,
        `locked_vm is ${space.lockedPages} pages, the mappings account for ${reference.locked(space)}`,
      );
  const unpinned = ledger.differs(bench);
  if (unpinned !== undefined) say(unpinned[0], unpinned[1]);
}

type Problem = readonly [property: string, text: string];

function mappingsDiffer({ state, dirty }: Type1, reference: Type1Reference, ledger: Ledger): Problem | undefined {
  const { all, available } = state.mappings;
  const { entries } = reference;
  if (all.length !== entries.length)
    return [DMA_CONFINEMENT.name, `there are ${all.length} mappings where ${entries.length} were made`];
  if (available !== reference.limit - entries.length)
    return [RESOURCE_BOUND.name, `${available} mappings more are allowed with ${entries.length} of ${reference.limit}`];
  if (state.mappings.invalid !== entries.filter(({ invalid }) => invalid).length)
    return [FSM_LEGALITY.name, `${state.mappings.invalid} mappings are counted to be without an address`];
  if (state.tracking !== reference.tracking)
    return [DIRTY_TRACKING_SOUNDNESS.name, 'tracking is on where it was stopped'];
  let bytes = 0;
  for (const [index, dma] of all.entries()) {
    const entry = entries[index]!;
    const problem = mappingDiffers(dma, entry, reference, ledger);
    if (problem !== undefined) return problem;
    if (dma.dirty !== undefined) bytes += bitmapBytes(dma.dirty.pages);
  }
  if (dirty.bytes !== bytes)
    return [RESOURCE_BOUND.name, `dirty bitmaps take ${dirty.bytes} bytes, those of mappings ${bytes}`];
  return undefined;
}

function mappingDiffers(dma: Dma, entry: Type1Entry, reference: Type1Reference, ledger: Ledger): Problem | undefined {
  const name = `the mapping at ${hex(entry.start)}`;
  if (dma.start !== Number(entry.start) || dma.length !== Number(entry.size) || dma.vaddr !== Number(entry.vaddr))
    return [DMA_CONFINEMENT.name, `${name} is another: ${hex(dma.start)}, ${hex(dma.length)} bytes`];
  if (dma.read !== entry.read || dma.write !== entry.write) return [DMA_CONFINEMENT.name, `${name} has other rights`];
  if (dma.mm !== entry.mm) return [RESOURCE_BOUND.name, `${name} is another process's`];
  if (dma.process !== entry.process || dma.unlimited !== entry.unlimited)
    return [RESOURCE_BOUND.name, `${name} is held to the limits of another process`];
  if (dma.vaddrInvalid !== entry.invalid) return [FSM_LEGALITY.name, `${name} has its address, or not`];
  if ((dma.dirty !== undefined) !== reference.tracking)
    return [
      DIRTY_TRACKING_SOUNDNESS.name,
      `${name} has a dirty bitmap while tracking is ${reference.tracking ? 'on' : 'off'}`,
    ];
  if (dma.mapped !== (entry.pages !== undefined)) return [DMA_CONFINEMENT.name, `${name} is pinned, or not`];
  if (dma.pinned.size !== entry.pins.size) return [DMA_CONFINEMENT.name, `${name} has ${dma.pinned.size} pages pinned`];
  for (const [page, pin] of entry.pins) {
    ledger.pin(pin.physical);
    const known = dma.pinned.get(dma.start + page * 4096);
    if (known?.physical !== pin.physical || known.users !== pin.users)
      return [DMA_CONFINEMENT.name, `page ${page} of ${name} is pinned ${known?.users ?? 0} times for ${pin.users}`];
  }
  for (const page of entry.pages ?? []) if (page.charged) ledger.pin(page.physical);
  return undefined;
}

function translationDiffers(domain: Domain, { entries }: Type1Reference): string | undefined {
  const check = new TranslationCheck(domain);
  for (const { start, pages, read, write } of entries)
    for (let index = 0; pages !== undefined && index < pages.length; index++)
      if (!check.page(Number(start) + index * 4096, pages[index]!.physical, read, write, false)) return check.problem;
  return check.end();
}
