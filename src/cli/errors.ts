/**
 * How a command ends: 0 held or identical, 1 violated or different, 2 wrong usage or input, 3 a fault of the emulator; and
 * as a shell says that SIGPIPE ended it, when nobody reads what it prints.
 */
export const EXIT = { HELD: 0, VIOLATED: 1, USAGE: 2, FAULT: 3, PIPE: 128 + 13 } as const;

/** Wrong usage or unreadable input: one sentence on standard error, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Says the sentence, or reports the fault, and sets the exit code. */
export function report(error: unknown): void {
  if (error instanceof Error && SENTENCES.has(error.name)) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.USAGE;
    return;
  }
  process.stderr.write(
    `Fault of the emulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = EXIT.FAULT;
}

/** Errors whose message is meant for the user as it stands. */
const SENTENCES = new Set(['UsageError', 'InputError', 'CounterexampleError']);
