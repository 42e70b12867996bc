/** What a step answered, in the fields and the order in which recordings hold it. */
import { errnoName } from '../uapi/errno.ts';
import type { Ended } from './call.ts';

/** [offset, original, ret of writing ones, read back, ret of writing zeros, read back, ret of restoring, read back]. */
export type ProbeRow = readonly (number | string)[];

/** The fields of an answer; each verb has its own few of them. */
export interface Outcome {
  /** A count or value, -1 with `errno`, `fd` for a new descriptor, `ptr` for an address. */
  readonly ret?: number | 'fd' | 'ptr';
  readonly errno?: string;
  /** bgwait: whether the thread has ended. */
  readonly done?: 0 | 1;
  /** efdread: the count taken. */
  readonly count?: number;
  /** Hexadecimal bytes of the struct after the call, `**` where they depend on the run. */
  readonly out?: string;
  /** Present when the call left the struct as it was. */
  readonly same?: 1;
  /** The bytes behind the struct, present when the call changed them. */
  readonly beyond?: string;
  /** Hexadecimal bytes that were read. */
  readonly data?: string;
  readonly value?: string;
  readonly signal?: string;
  readonly revents?: number;
  readonly text?: string;
  readonly probe?: readonly ProbeRow[];
  /** Present when the step had to be interrupted. */
  readonly timeout?: 1;
}

/** The name of a field of an outcome. */
export type OutcomeField = keyof Outcome;

/** `ret` and `errno` of a call that ended. */
export function answer({ ret, timeout }: Ended): Outcome {
  if (ret === undefined) return { timeout: 1 };
  const result: Outcome = ret < 0 ? { ret: -1, errno: errnoName(ret) } : { ret };
  return timeout ? { ...result, timeout: 1 } : result;
}

/** `ret` and `errno` of a call that cannot sleep. */
export function answerNow(ret: number): Outcome {
  return answer({ ret, timeout: false });
}

/** As {@link answerNow} for a call that gives a descriptor. */
export function answerDescriptor(ret: number): Outcome {
  return ret < 0 ? answerNow(ret) : { ret: 'fd' };
}
