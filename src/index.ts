/**
 * vfiolab from a program: machines, the typed client over the door, and the lab. Each room has more under its own name:
 * `vfiolab/sim`, `/uapi`, `/kernel`, `/vfio`, `/pci-core`, `/variant`, `/machine`, `/client` and `/lab`.
 * @module
 */
export { ContainerClient, DeviceClient } from './client/index.ts';
export {
  type CampaignResult,
  type CoverageReport,
  PROPERTIES,
  rerun,
  runCampaign,
  type Subject,
  shrink,
  subjectNamed,
} from './lab/index.ts';
export { MACHINES, Machine, type MachineOptions, machineNamed, VARIANTS, variantNamed } from './machine/index.ts';
export { dossierOf, type VariantDeclaration, type VariantModule } from './variant/index.ts';
