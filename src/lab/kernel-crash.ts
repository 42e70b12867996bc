/**
 * Whose fault an exception is. Below the lab errors are returned, so an exception is a crash of the kernel where C would
 * have followed the same pointer or index (the kernel's floors, a variant), and a fault of the emulator anywhere else.
 */
import { Oops } from '../../sim/oops.ts';

/** Rooms of this package whose code is no kernel's: a mistake there is a fault of the emulator. A planted defect is the kernel's. */
const OURS = /^(?:sim|src\/(?:lab|client|trace|machine|cli|uapi)|test(?!\/defects\/)|node_modules)\//;
/** Where this package begins: this file is src/lab/kernel-crash. */
const ROOT = new URL('../..', import.meta.url).href;

/** What crashed, in words; undefined: the exception is a fault of the emulator. */
export function kernelCrash(error: unknown): string | undefined {
  if (error instanceof Oops) return error.message;
  if (!(error instanceof TypeError || error instanceof RangeError)) return undefined;
  const place = firstPlace(error.stack ?? '');
  if (place === undefined || OURS.test(place)) return undefined;
  return `${error.message} (${place})`;
}

/** The innermost file of a stack, from the package on, or whole if it is outside; without line numbers. */
function firstPlace(stack: string): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const file = /\(?((?:file:\/\/)?\/[^()]*?):\d+:\d+\)?$/.exec(line)?.[1];
    if (file === undefined) continue;
    const url = file.startsWith('file:') ? file : `file://${file}`;
    return url.startsWith(ROOT) ? url.slice(ROOT.length).replace(/\.js$/, '.ts') : url;
  }
  return undefined;
}
