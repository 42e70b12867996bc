/** vfio-pci itself, declared as the variants are: what it is to a driver author to change nothing. */
import { NAME } from '../pci-core/vfio-pci.ts';
import type { DeclaredVariant } from '../variant/variant.ts';

export const vfioPci: DeclaredVariant = {
  name: NAME,
  declaration: {
    driver: NAME,
    title: 'the library as it is, for any PCI function, without migration',
    summary: 'vfio-pci-core with nothing overridden: what every variant driver starts from.',
    ids: [],
    overrides: [],
    migrationFlags: 0,
    dirtyLogging: false,
    parent: undefined,
    formats: [],
    consumption: 'There is no migration data.',
    regions: [],
    inputs: [],
    safeguards: [],
  },
};
