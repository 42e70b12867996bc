/** What a function decodes beside its BARs: its expansion ROM, and the legacy addresses of a display controller. */
import { ones } from './config-space.ts';
import type { PciFunction } from './function.ts';
import type { LegacySpace } from './model.ts';
import { COMMAND, PCI } from './registers.ts';

/** Bit 0 of the ROM BAR. */
export const ROM_ENABLE = 1;

/** Whether COMMAND lets the function answer in that space, and it is awake (7.5.1.1.3, 5.3.1). */
function answers(fn: PciFunction, space: LegacySpace): boolean {
  const bit = space === 'io' ? COMMAND.IO : COMMAND.MEMORY;
  return (fn.config.bytes[PCI.COMMAND]! & bit) !== 0 && fn.powerState === 0;
}

/** The ROM as its window shows it now: decoded with memory on and the ROM BAR's enable bit set (7.5.1.2.4). */
export function decodedRom(fn: PciFunction): Uint8Array | undefined {
  const on = answers(fn, 'memory') && (fn.config.bytes[PCI.ROM_ADDRESS]! & ROM_ENABLE) !== 0;
  return on ? fn.template.rom : undefined;
}

/** A read of a legacy VGA address. */
export function readLegacy(fn: PciFunction, space: LegacySpace, address: number, width: number): number {
  if (!answers(fn, space)) return ones(width);
  return fn.model.readLegacy?.(space, address, width) ?? ones(width);
}

export function writeLegacy(fn: PciFunction, space: LegacySpace, address: number, width: number, value: number): void {
  if (answers(fn, space)) fn.model.writeLegacy?.(space, address, width, value);
}
