/** Expansion ROM contents (drivers/pci/rom.c of Linux 7.3: pci_map_rom, pci_get_rom_size). */
import { decodedRom, ROM_ENABLE } from '../../../sim/pci/beside-bars.ts';
import { PCI } from '../../../sim/pci/registers.ts';
import { type PciDevice, ROM_RESOURCE } from './device.ts';

const SIGNATURE = 0xaa55;
/** "PCIR". */
const DATA_SIGNATURE = 0x5249_4350;
/** Of the data structure, from an image's start. */
const POINTER = 0x18;
/** Offsets in the data structure. */
const DATA_LENGTH = 0x0a;
const IMAGE_LENGTH = 0x10;
const INDICATOR = 0x15;
const LAST = 0x80;
const BLOCK = 512;
const LEAST_DATA_LENGTH = 0x18;

/** The walk over the images of a ROM: total bytes, 0 if there is no valid one. `limit`: the window's size. */
export function romSize(image: Uint8Array, limit: number): number {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const has = (at: number, width: number): boolean => at + width <= image.length;
  let at = 0;
  for (;;) {
    if (!has(at, POINTER + 2) || view.getUint16(at, true) !== SIGNATURE) break;
    const data = at + view.getUint16(at + POINTER, true);
    if (data % 4 !== 0 || !has(data, LEAST_DATA_LENGTH) || view.getUint32(data, true) !== DATA_SIGNATURE) break;
    const length = view.getUint16(data + DATA_LENGTH, true);
    if (length < LEAST_DATA_LENGTH || length === 0xffff) break;
    const blocks = view.getUint16(data + IMAGE_LENGTH, true);
    at += blocks * BLOCK;
    if (blocks === 0 || view.getUint8(data + INDICATOR) & LAST) break;
  }
  return Math.min(at, limit);
}

/** pci_map_rom, and unmapping it: the images of the ROM; undefined if there are none or they are not decoded now. */
export function readRom(device: PciDevice): Uint8Array | undefined {
  const bytes = device.hasShadowRom ? device.function.template.rom : throughWindow(device);
  if (bytes === undefined) return undefined;
  const size = romSize(bytes, device.resources[ROM_RESOURCE]!.length);
  return size === 0 ? undefined : bytes.subarray(0, size);
}

/** pci_enable_rom .. pci_disable_rom: the enable bit is the kernel's, the memory bit of COMMAND is as it is. */
function throughWindow(device: PciDevice): Uint8Array | undefined {
  const { start } = device.resources[ROM_RESOURCE]!;
  const before = device.readConfig(PCI.ROM_ADDRESS, 4);
  device.writeConfig(PCI.ROM_ADDRESS, 4, (start | ROM_ENABLE) >>> 0);
  const bytes = decodedRom(device.function);
  device.writeConfig(PCI.ROM_ADDRESS, 4, (before & ~ROM_ENABLE) >>> 0);
  return bytes;
}
