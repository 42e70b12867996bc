/** Expansion ROM contents (drivers/pci/rom.c: pci_map_rom, pci_get_rom_size). */
import { COMMAND, PCI } from '../../sim/pci/registers.ts';
import { type PciDevice, ROM_RESOURCE } from '../kernel/pci/device.ts';
import type { VfioPciCoreDevice } from './core-device.ts';

const SIGNATURE = 0xaa55;
/** "PCIR". */
const DATA_SIGNATURE = 0x5249_4350;
const POINTER = 0x18;
const DATA_LENGTH = 0x0a;
const IMAGE_LENGTH = 0x10;
const INDICATOR = 0x15;
const LAST = 0x80;
const BLOCK = 512;

/** The smallest power of two not below `n` (roundup_pow_of_two). */
export function roundupPowerOfTwo(n: number): number {
  let size = 1;
  while (size < n) size *= 2;
  return size;
}

/** The walk over the images of a ROM: total bytes, 0 if there is no valid one. */
export function romSize(image: Uint8Array, limit: number): number {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const has = (at: number, width: number): boolean => at + width <= image.length;
  let at = 0;
  for (;;) {
    if (!has(at, POINTER + 2) || view.getUint16(at, true) !== SIGNATURE) break;
    const data = at + view.getUint16(at + POINTER, true);
    if (data % 4 !== 0 || !has(data, POINTER) || view.getUint32(data, true) !== DATA_SIGNATURE) break;
    const length = view.getUint16(data + DATA_LENGTH, true);
    if (length < POINTER || length === 0xffff) break;
    const blocks = view.getUint16(data + IMAGE_LENGTH, true);
    at += blocks * BLOCK;
    if (blocks === 0 || view.getUint8(data + INDICATOR) & LAST) break;
  }
  return Math.min(at, limit);
}

/** The image behind a function's ROM BAR. It is decoded while COMMAND has memory on, else reads all ones. */
function image(pdev: PciDevice): Uint8Array | undefined {
  if ((pdev.readConfig(PCI.COMMAND, 2) & COMMAND.MEMORY) === 0) return undefined;
  const hex = pdev.function.template.description.rom?.image;
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

/** pci_map_rom: the valid part of the ROM; undefined if the content is invalid or not decoded now. */
export function mapRom(core: VfioPciCoreDevice): Uint8Array | undefined {
  const resource = core.pdev.resources[ROM_RESOURCE]!;
  if (resource.start === 0) return core.platformRom;
  const bytes = image(core.pdev);
  if (bytes === undefined) return undefined;
  const size = romSize(bytes, resource.length);
  return size === 0 ? undefined : bytes.subarray(0, size);
}
