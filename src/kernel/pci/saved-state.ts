/** pci_save_state and pci_restore_state (drivers/pci/pci.c of Linux 7.3): what of a function survives a reset. */
import { AER_REGISTERS, CAP, EXP, EXT_CAP, MSI, MSI_FLAGS, MSIX, MSIX_FLAGS, PCI } from '../../../sim/pci/registers.ts';
import { clearStatus } from './aer.ts';
import type { PciDevice } from './device.ts';
import { restoreSriov } from './sriov.ts';
import { enabledTranslationServices } from './translation-services.ts';

/** What {@link saveState} keeps. */
export interface SavedState {
  /** The first 64 bytes. */
  readonly header: Uint8Array;
  /** Registers of capabilities: offset, width in bytes, value; in the order of restoration. */
  readonly registers: readonly (readonly [offset: number, width: number, value: number])[];
  /** Which messages are masked, while MSI is on and the function can mask them. */
  readonly msiMask: readonly [offset: number, value: number] | undefined;
  /** The MSI-X table while MSI-X is on. */
  readonly msixTable: Uint8Array | undefined;
}

/** pci_save_pcie_state: LNKCTL and friends exist on ports and endpoints alike in version 2 capabilities. */
const EXP_REGISTERS = [EXP.DEVCTL, EXP.LNKCTL, EXP.SLTCTL, EXP.RTCTL, EXP.DEVCTL2, EXP.LNKCTL2, EXP.SLTCTL2];

/** Both maximum latencies of the LTR capability, and the command register of PCI-X. */
const LTR_MAX_LATENCIES = 4;
const PCIX_CMD = 2;

/** Keeps what the kernel keeps: header, PCI Express and PCI-X controls, latencies, AER masks, messages in force. */
export function saveState(device: PciDevice): SavedState {
  const config = device.function.config;
  const registers: [number, number, number][] = [];
  const keep = (at: number, width: number): void => void registers.push([at, width, config.read(at, width)]);
  const ltr = device.extendedCapability(EXT_CAP.LTR);
  if (ltr) keep(ltr + LTR_MAX_LATENCIES, 4);
  const exp = device.capability(CAP.EXP);
  const version = exp ? config.read(exp + EXP.FLAGS, 1) & 0xf : 0;
  if (exp) for (const at of EXP_REGISTERS) if (version >= 2 || at < EXP.DEVCAP2) keep(exp + at, 2);
  for (const [at, width] of enabledTranslationServices(device)) keep(at, width);
  const aer = device.extendedCapability(EXT_CAP.ERR);
  if (aer) for (const at of AER_REGISTERS) keep(aer + at, 4);
  const pcix = device.capability(CAP.PCIX);
  if (pcix) keep(pcix + PCIX_CMD, 2);
  return {
    header: config.bytes.slice(0, PCI.STD_HEADER_SIZEOF),
    registers,
    msiMask: device.msi === undefined ? undefined : maskOfMsi(device),
    msixTable: device.msixEnabled ? device.function.msix!.bytes.slice() : undefined,
  };
}

/** Puts it back: capability registers, then header dwords from the last to the first, only those that differ. */
export function restoreState(device: PciDevice, state: SavedState): void {
  clearStatus(device);
  for (const register of state.registers) device.writeConfig(register[0], register[1], register[2]);
  const view = new DataView(state.header.buffer, state.header.byteOffset);
  for (let at = PCI.STD_HEADER_SIZEOF - 4; at >= 0; at -= 4) {
    const value = view.getUint32(at, true);
    if (device.readConfig(at, 4) !== value) device.writeConfig(at, 4, value);
  }
  if (device.msi !== undefined) restoreMsi(device, device.msi, state.msiMask);
  if (device.msixEnabled) restoreMsix(device, state.msixTable);
  restoreSriov(device);
}

const isWide = (device: PciDevice, msi: number): boolean =>
  (device.readConfig(msi + MSI.FLAGS, 2) & MSI_FLAGS.X64BIT) !== 0;

function maskOfMsi(device: PciDevice): SavedState['msiMask'] {
  const msi = device.capability(CAP.MSI);
  if ((device.readConfig(msi + MSI.FLAGS, 2) & MSI_FLAGS.MASKBIT) === 0) return undefined;
  const at = msi + (isWide(device, msi) ? MSI.MASK_64 : MSI.MASK_32);
  return [at, device.readConfig(at, 4)];
}

/**
 * __pci_restore_msi_state: the kernel goes by what it has enabled itself by now, whatever was saved; a user who took the
 * enable bit back gets it again, and the message is the one that the kernel chose.
 */
function restoreMsi(
  device: PciDevice,
  { address, data, multiple }: NonNullable<PciDevice['msi']>,
  mask: SavedState['msiMask'],
): void {
  const msi = device.capability(CAP.MSI);
  const wide = isWide(device, msi);
  device.writeConfig(msi + MSI.ADDRESS_LO, 4, address >>> 0);
  if (wide) device.writeConfig(msi + MSI.ADDRESS_HI, 4, Math.floor(address / 2 ** 32));
  device.writeConfig(msi + (wide ? MSI.DATA_64 : MSI.DATA_32), 2, data);
  if (mask !== undefined) device.writeConfig(mask[0], 4, mask[1]);
  const flags = device.readConfig(msi + MSI.FLAGS, 2);
  device.writeConfig(msi + MSI.FLAGS, 2, (flags & ~MSI_FLAGS.QSIZE) | (multiple << 4) | MSI_FLAGS.ENABLE);
}

/** __pci_restore_msix_state: each message and mask is written anew, as the kernel has them. */
function restoreMsix(device: PciDevice, saved: Uint8Array | undefined): void {
  const table = device.msixTable ?? saved;
  if (table !== undefined) device.function.msix!.bytes.set(table);
  const msix = device.capability(CAP.MSIX);
  const flags = device.readConfig(msix + MSIX.FLAGS, 2);
  device.writeConfig(msix + MSIX.FLAGS, 2, (flags & ~MSIX_FLAGS.MASKALL) | MSIX_FLAGS.ENABLE);
}
