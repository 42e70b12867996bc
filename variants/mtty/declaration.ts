/** What the serial card says of itself to reviewers and to the lab. */
import type { AnySafeguard, VariantDeclaration } from '../../src/variant/index.ts';
import { FORMAT, SAFEGUARDS } from './format.ts';
import { MTTY_MIGRATION_FLAGS } from './migration.ts';

export const DECLARATION: VariantDeclaration = {
  driver: 'vfio-mtty',
  title: 'serial ports as mediated devices, with live migration',
  summary: 'Emulates a PCI card with one or two looped serial ports, on the VFIO core alone: no hardware, no DMA.',
  ids: [],
  overrides: [{ callback: 'all', why: 'there is no PCI device below, so vfio-pci-core is not used' }],
  migrationFlags: MTTY_MIGRATION_FLAGS,
  dirtyLogging: true,
  parent: undefined,
  formats: [FORMAT],
  consumption:
    'Nothing takes effect before RESUMING is left, and then all ports do; less than a whole stream is refused.',
  regions: [
    {
      region: 'configuration space',
      change: 'made up; accesses are not held against its size of 0xff',
      safeguards: [],
    },
    { region: 'BAR 0, BAR 1', change: 'made up: the registers of one port each', safeguards: [] },
  ],
  inputs: [],
  safeguards: Object.values(SAFEGUARDS) as readonly unknown[] as readonly AnySafeguard[],
};
