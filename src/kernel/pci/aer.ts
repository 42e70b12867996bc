/** Advanced error reporting: an error of a function reaches its driver (drivers/pci/pcie/aer.c, err.c of Linux 7.3). */
import { AER, EXT_CAP } from '../../../sim/pci/registers.ts';
import type { PciDevice } from './device.ts';

/** An error as the function signals it; `status` is the bit in the status register of its kind. */
export interface AerError {
  readonly kind: 'correctable' | 'uncorrectable';
  readonly status: number;
}

/**
 * The function detects an error. Bits of the status register are set whatever happens; a masked error goes no further,
 * a correctable one is logged and cleared by the kernel, any other is told to the driver (error_detected). True: it was.
 */
export function reportError(device: PciDevice, { kind, status }: AerError): boolean {
  const at = device.extendedCapability(EXT_CAP.ERR);
  if (at === 0) return false;
  const { config } = device.function;
  const correctable = kind === 'correctable';
  const register = at + (correctable ? AER.COR_STATUS : AER.UNCOR_STATUS);
  config.set(register, 4, (config.read(register, 4) | status) >>> 0);
  const mask = config.read(at + (correctable ? AER.COR_MASK : AER.UNCOR_MASK), 4);
  if ((status & ~mask) === 0) return false;
  // pci_aer_clear_nonfatal_status and its like: a status that was handled is gone.
  device.writeConfig(register, 4, status);
  if (correctable) return false;
  device.driver?.errorDetected?.(device);
  return device.driver?.errorDetected !== undefined;
}

/** pci_aer_clear_status, as part of restoring a function's state. */
export function clearStatus(device: PciDevice): void {
  const at = device.extendedCapability(EXT_CAP.ERR);
  if (at === 0) return;
  for (const register of [AER.UNCOR_STATUS, AER.COR_STATUS]) {
    const status = device.readConfig(at + register, 4);
    if (status !== 0) device.writeConfig(at + register, 4, status);
  }
}
