/** The properties of a campaign: what each promises, in words. The checks stand where the things happen. */
import type { Offer } from '../offers.ts';
import type { Twin } from '../scenario.ts';

/** A promise. `twin`: needs the second run of that kind; otherwise it is checked in every run. */
export interface Property {
  readonly name: string;
  readonly promise: string;
  readonly twin?: Twin;
  /** What a subject must offer for the promise to be about anything; the first that is missing is the reason. */
  readonly needs?: readonly Offer[];
}

/** In the order in which reports list them. */
export const PROPERTIES: readonly Property[] = [
  {
    name: 'integrity',
    promise: 'What tenant B and the host observe is the same whether tenant A acts or does nothing.',
    twin: 'integrity',
  },
  {
    name: 'confidentiality',
    promise: "What tenant A observes depends neither on tenant B's data nor on memory the kernel did not clear.",
    twin: 'confidentiality',
  },
  {
    name: 'DMA confinement',
    promise: 'A device reaches exactly the memory its tenant has mapped at that moment, and no peer device.',
    needs: ['dma'],
  },
  {
    name: 'interrupt confinement',
    promise: 'An eventfd is signalled only by a vector that its owner armed with it, of the function it owns.',
  },
  {
    name: 'config-space confinement',
    promise: 'Regions grant the accesses and mappings that region info promises, and no others.',
  },
  {
    name: 'parent-interaction scope',
    promise: 'A call to the parent for one VF changes that VF and what the call declares; nothing is left behind.',
    needs: ['parent'],
  },
  {
    name: 'FSM legality',
    promise: 'Every state request takes the path of the uAPI or fails on it; data files live as long as their session.',
  },
  {
    name: 'fd lifetime',
    promise: 'A device stays open as long as one of its descriptors does, and no longer.',
  },
  {
    name: 'reset and liveness',
    promise: 'Every call returns; no order of calls crashes the kernel, or takes its locks in two orders.',
  },
  {
    name: 'save-load round trip',
    promise: 'Saving, loading and saving again gives the same stream, in whatever chunks it is moved.',
  },
  {
    name: 'stream robustness',
    promise: 'A bad stream is refused with a declared errno and leaves the device as it was.',
  },
  {
    name: 'dirty-tracking soundness',
    promise: 'Every page the device wrote while logging was on is reported.',
    needs: ['dma', 'logging'],
  },
];
