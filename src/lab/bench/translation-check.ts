/** What a page table translates, held against what it should, page by page and in both directions. */
import type { Domain, IovaMapping } from '../../../sim/iommu/domain.ts';

export class TranslationCheck {
  problem: string | undefined;
  private readonly domain: Domain;
  private bytes = 0;

  constructor(domain: Domain) {
    this.domain = domain;
  }

  /** Up to a page from `iova` on must go to `physical`, with these rights and no others; false: it does not. */
  page(iova: number, physical: number, read: boolean, write: boolean, mmio: boolean, length = 4096): boolean {
    const mapping = this.domain.mappings.at(iova);
    const wrong =
      mapping === undefined ? 'not translated' : differs(mapping, iova, physical, read, write, mmio, length);
    if (wrong !== undefined) this.problem = `IOVA ${iova.toString(16)} is ${wrong}`;
    this.bytes += length;
    return wrong === undefined;
  }

  /** Nothing else is translated. */
  end(): string | undefined {
    if (this.problem !== undefined) return this.problem;
    let bytes = 0;
    for (const { length } of this.domain.mappings.items) bytes += length;
    return bytes === this.bytes ? undefined : `the IOMMU translates ${bytes} bytes where ${this.bytes} are mapped`;
  }
}

function differs(
  mapping: IovaMapping,
  iova: number,
  physical: number,
  read: boolean,
  write: boolean,
  mmio: boolean,
  length: number,
): string | undefined {
  const offset = iova - mapping.start;
  if (mapping.physical + offset !== physical) return 'translated to another page than was mapped';
  if (mapping.length - offset < length) return 'translated in part';
  if (mapping.read !== read || mapping.write !== write) return 'translated with other rights than were asked for';
  if ((mapping.mmio ?? false) !== mmio) return `translated as ${mmio ? 'memory' : 'a device'}, which it is not`;
  return undefined;
}

/** Nothing of a user is reached through it: blocked, or the host's own with nothing in it. */
export const isolated = ({ kind, mappings }: Domain): boolean => kind !== 'identity' && mappings.size === 0;
