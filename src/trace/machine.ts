/** What the trace player needs of the emulator: a machine that makes processes, and the door each process has. */
import type { Process } from '../kernel/process.ts';

/** A freshly booted machine. */
export interface Machine {
  /** A process of root's, with every capability. */
  process(name: string): Process;
  /** Whether the BARs of this function show registers that change by themselves, so that reads cannot be compared. */
  liveRegisters(bdf: string): boolean;
  /** The configuration space of a function as the hardware holds it, looked at without touching anything. */
  configSpace(bdf: string): Uint8Array | undefined;
}
