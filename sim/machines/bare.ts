/** A machine without devices on its buses: room for devices that a module makes by itself. */
import type { MachineDescription } from '../pci/description.ts';
import { vtd } from './recorded.ts';

export const bareMachine: MachineDescription = { name: 'bare', iommu: vtd, root: [] };
