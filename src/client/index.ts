/**
 * A small typed client over the door: what a VMM does, without counting bytes. Everything ends in the same system calls.
 * @module
 */
export { ContainerClient, number64, setNumber64 } from './container.ts';
export type { LogRange } from './device.ts';
export { DeviceClient, type PrecopyAnswer, type RegionClientInfo, regionOffset, type StateAnswer } from './device.ts';
export { IommufdClient, type IovaRange, type Value } from './iommufd.ts';
export { Scratch } from './scratch.ts';
