/**
 * Where a PCI configuration space holds addresses that firmware or the kernel chose: base address registers, bridge
 * windows and the message of MSI. They are found by walking the capability lists, never by fixed device knowledge.
 */
import { BRIDGE, CAP, EXT_CAP, HEADER_TYPE, MSI, MSI_FLAGS, PCI, SRIOV } from '../../sim/pci/registers.ts';
import { capabilities, extendedCapabilities } from './capabilities.ts';

/** For each byte of `config`, the bits that do not belong to an address. */
export function bitsWithoutAddresses(config: Uint8Array): Uint8Array {
  const bits = new Uint8Array(config.length).fill(0xff);
  const clear = (offset: number, ...keep: number[]): void => {
    for (const [i, byte] of keep.entries()) if (offset + i < bits.length) bits[offset + i] = byte;
  };
  if ((config[PCI.HEADER_TYPE]! & HEADER_TYPE.MASK) === HEADER_TYPE.BRIDGE) {
    clearBars(config, PCI.BASE_ADDRESS_0, 2, clear);
    clear(BRIDGE.IO_BASE, 0x0f, 0x0f);
    clear(BRIDGE.MEMORY_BASE, 0x0f, 0, 0x0f, 0, 0x0f, 0, 0x0f, 0);
    clear(BRIDGE.PREF_BASE_UPPER32, ...new Array<number>(12).fill(0));
    clear(BRIDGE.ROM_ADDRESS1, 0xff, 0x07, 0, 0);
  } else {
    clearBars(config, PCI.BASE_ADDRESS_0, 6, clear);
    clear(PCI.ROM_ADDRESS, 0xff, 0x07, 0, 0);
  }
  for (const { id, at } of capabilities(config)) if (id === CAP.MSI) clearMsi(config, at, clear);
  for (const { id, at } of extendedCapabilities(config))
    if (id === EXT_CAP.SRIOV) clearBars(config, at + SRIOV.BAR, 6, clear);
  return bits;
}

type Clear = (offset: number, ...keep: number[]) => void;

/** The low bits of a base address register tell its type, and the upper half of a 64-bit one is address only. */
function clearBars(config: Uint8Array, start: number, count: number, clear: Clear): void {
  for (let i = 0; i < count; i++) {
    const at = start + i * 4;
    const low = config[at] ?? 0;
    const isIo = (low & 1) === 1;
    clear(at, isIo ? 0x03 : 0x0f, 0, 0, 0);
    if (isIo || (low & 6) !== 4 || ++i === count) continue;
    clear(at + 4, 0, 0, 0, 0);
  }
}

function clearMsi(config: Uint8Array, at: number, clear: Clear): void {
  const is64 = ((config[at + MSI.FLAGS] ?? 0) & MSI_FLAGS.X64BIT) !== 0;
  clear(at + MSI.ADDRESS_LO, 0, 0, 0, 0);
  if (is64) clear(at + MSI.ADDRESS_HI, 0, 0, 0, 0);
  clear(at + (is64 ? MSI.DATA_64 : MSI.DATA_32), 0, 0);
}
