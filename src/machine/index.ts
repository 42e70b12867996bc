/**
 * Machines that run: hardware, a kernel, VFIO and drivers put together, and those that come with the emulator.
 * @module
 */
export { type HostModule, Machine, type MachineOptions, type VfioParameters } from './machine.ts';
export { MACHINES, machineNamed } from './machines.ts';
export { DECLARED, EMULATED, MODULES, VARIANTS, variantNamed } from './variants.ts';
