/** The IOMMU of a machine file: a switch that is misspelt would be off, and nobody would notice. */
import type { IommuDescription } from '../../sim/pci/description.ts';

type Check = (value: unknown) => boolean;

const isSwitch: Check = (value) => typeof value === 'boolean';
const isAddress: Check = (value) => typeof value === 'number' && value >= 0;
const isSize: Check = (value) => typeof value === 'number' && value >= 1 && Number.isInteger(Math.log2(value));

/** What a file may say, and how each must look. `software` is for the kernel's own use. */
const PARTS: Readonly<Record<Exclude<keyof IommuDescription, 'software'>, readonly [Check, string]>> = {
  aperture: [(value) => Array.isArray(value) && value.length === 2 && value.every(isAddress), 'two addresses'],
  pageSizes: [(value) => Array.isArray(value) && value.length > 0 && value.every(isSize), 'a list of powers of two'],
  dirtyTracking: [isSwitch, 'true or false'],
  nesting: [isSwitch, 'true or false'],
  virtual: [(value) => value === 'arm-smmuv3' || value === 'tegra241-cmdqv', '"arm-smmuv3" or "tegra241-cmdqv"'],
  pasid: [isSwitch, 'true or false'],
  pageRequests: [isSwitch, 'true or false'],
  interruptRemapping: [isSwitch, 'true or false'],
  enforceCoherency: [isSwitch, 'true or false'],
};

/** What is wrong with the `iommu` of a machine file, in words; undefined: nothing. */
export function iommuFault(iommu: object): string | undefined {
  for (const name of ['aperture', 'pageSizes']) if (!(name in iommu)) return `its iommu lacks ${name}`;
  for (const [name, value] of Object.entries(iommu)) {
    const part = PARTS[name as keyof typeof PARTS];
    if (part === undefined) return `its iommu has no part called ${name}`;
    if (!part[0](value)) return `${name} of its iommu is to be ${part[1]}`;
  }
  return undefined;
}
