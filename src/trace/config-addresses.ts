/**
 * Where a PCI configuration space holds addresses that firmware or the kernel chose: base address registers, bridge
 * windows and the message of MSI. They are found by walking the capability lists, never by fixed device knowledge.
 */
import { capabilities, extendedCapabilities } from './capabilities.ts';

const REGISTER = {
  HEADER_TYPE: 0x0e,
  BAR0: 0x10,
  ROM: 0x30,
  BRIDGE_IO: 0x1c,
  BRIDGE_MEMORY: 0x20,
  BRIDGE_UPPER: 0x28,
  BRIDGE_ROM: 0x38,
} as const;
const CAPABILITY_MSI = 0x05;
const EXTENDED_SRIOV = 0x10;
/** Offsets within the MSI capability (PCIe 7.7.1) and the SR-IOV capability (PCIe 9.3.3). */
const MSI = { CONTROL: 2, ADDRESS: 4, DATA32: 8, DATA64: 12, IS_64: 0x80 } as const;
const SRIOV_BAR0 = 0x24;

/** For each byte of `config`, the bits that do not belong to an address. */
export function bitsWithoutAddresses(config: Uint8Array): Uint8Array {
  const bits = new Uint8Array(config.length).fill(0xff);
  const clear = (offset: number, ...keep: number[]): void => {
    for (const [i, byte] of keep.entries()) if (offset + i < bits.length) bits[offset + i] = byte;
  };
  if ((config[REGISTER.HEADER_TYPE]! & 0x7f) === 1) {
    clearBars(config, REGISTER.BAR0, 2, clear);
    clear(REGISTER.BRIDGE_IO, 0x0f, 0x0f);
    clear(REGISTER.BRIDGE_MEMORY, 0x0f, 0, 0x0f, 0, 0x0f, 0, 0x0f, 0);
    clear(REGISTER.BRIDGE_UPPER, ...new Array<number>(12).fill(0));
    clear(REGISTER.BRIDGE_ROM, 0xff, 0x07, 0, 0);
  } else {
    clearBars(config, REGISTER.BAR0, 6, clear);
    clear(REGISTER.ROM, 0xff, 0x07, 0, 0);
  }
  for (const { id, at } of capabilities(config)) if (id === CAPABILITY_MSI) clearMsi(config, at, clear);
  for (const { id, at } of extendedCapabilities(config))
    if (id === EXTENDED_SRIOV) clearBars(config, at + SRIOV_BAR0, 6, clear);
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
  const is64 = ((config[at + MSI.CONTROL] ?? 0) & MSI.IS_64) !== 0;
  clear(at + MSI.ADDRESS, 0, 0, 0, 0);
  if (is64) clear(at + MSI.ADDRESS + 4, 0, 0, 0, 0);
  clear(at + (is64 ? MSI.DATA64 : MSI.DATA32), 0, 0);
}
