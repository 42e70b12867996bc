/** Where a command writes and how it ends, so that a test can stand in for the terminal. */
import { InputError } from '../trace/index.ts';
import { EXIT } from './errors.ts';

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether progress may be shown on `err`. */
  readonly live: boolean;
  exit(code: number): void;
}

/** The standard streams. */
export const STANDARD: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  live: process.stderr.isTTY === true,
  exit: (code) => {
    process.exitCode = code;
  },
};

/** Runs a command and turns what it throws into an exit code. */
export function guarded(terminal: Terminal, command: () => number): void {
  try {
    terminal.exit(command());
  } catch (error) {
    if (error instanceof InputError) {
      terminal.err(`${error.message}\n`);
      terminal.exit(EXIT.USAGE);
      return;
    }
    terminal.err(`the emulator failed: ${stackOf(error)}\n`);
    terminal.exit(EXIT.FAULT);
  }
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
