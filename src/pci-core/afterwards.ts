import type { Result } from '../kernel/file.ts';

/** Does `work` when a call has ended, at once or later. */
export function afterwards(call: Result, work: () => void): Result {
  if (typeof call !== 'number') return later(call, work);
  work();
  return call;
}

function* later(call: Exclude<Result, number>, work: () => void): Exclude<Result, number> {
  const result = yield* call;
  work();
  return result;
}
