/**
 * Machines that run: hardware, a kernel, VFIO and drivers put together, and those that come with the emulator.
 * @module
 */
export { type Ledger, ledgerDifference, ledgerOf } from './ledger.ts';
export { type HostModule, Machine, type MachineOptions } from './machine.ts';
export { MACHINES, machineNamed } from './machines.ts';
export { DECLARED, EMULATED, MODULES, VARIANTS, variantNamed } from './variants.ts';
export type { VfioParameters } from './vfio-modules.ts';
