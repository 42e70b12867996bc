/** The VHCA a command names, also for the log. */
import type { Command } from '../command.ts';
import type { Firmware } from '../firmware.ts';
import type { Vhca } from '../vhca.ts';

/** `at`: byte offset of the 16-bit vhca_id in the input. */
export function namedVhca(firmware: Firmware, command: Command, at: number): Vhca | undefined {
  command.vhca = command.in.getUint16(at);
  return firmware.vhcaById(command.vhca);
}
