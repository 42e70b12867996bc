/** The saved state: a type of its own, derived from the classes of the live fields, and the one place that converts. */
import type { Icm, SavedPage } from './icm.ts';
import { CONTROL_ENABLE, ICM_PAGE, JOB_STATUS, Q, QUEUE_REGISTERS, QUEUE_STATE, RING_MAX } from './vf-registers.ts';
import type { CLASS, VfState } from './vf-state.ts';

type SavedKey = { [K in keyof VfState]: (typeof CLASS)[K] extends 'saved' ? K : never }[keyof VfState];
type SavedForm<T> = T extends Icm ? readonly SavedPage[] : T;
/** Every field classed `saved`, in the form an image holds. */
export type SavedState = { readonly [K in SavedKey]: SavedForm<VfState[K]> };
/** All of it but the device memory, which may come in several parts. */
export type SavedRegisters = Omit<SavedState, 'icm'>;

/** Live to saved. `pages`: which pages of device memory to take. The result shares the bytes of the live state. */
export function capture(live: VfState, pages: readonly number[]): SavedState {
  return {
    queues: live.queues,
    scratch: live.scratch,
    counters: live.counters,
    icmWindow: live.icmWindow,
    icm: pages.map((index) => live.icm.saved(index)),
    sequence: live.sequence,
    key: live.key,
  };
}

/** Saved to live, after {@link acceptable}. `replace`: pages not listed become zero; otherwise they stay. */
export function restore(live: VfState, saved: SavedRegisters, pages: readonly SavedPage[], replace: boolean): void {
  live.queues.forEach((words, queue) => {
    words.set(saved.queues[queue]!);
  });
  live.scratch.set(saved.scratch);
  live.counters.set(saved.counters);
  live.icmWindow = saved.icmWindow;
  if (replace) live.icm.clear();
  for (const page of pages) live.icm.load(page);
  live.sequence.set(saved.sequence);
  live.key.set(saved.key);
}

/** Could these registers have come about by software and jobs? An image may hold nothing that registers refuse. */
export function acceptable(saved: SavedRegisters, icmBytes: number): boolean {
  if (saved.icmWindow % ICM_PAGE !== 0 || saved.icmWindow >= icmBytes) return false;
  return saved.queues.every(acceptableQueue);
}

function acceptableQueue(words: Uint32Array): boolean {
  for (const { at, mask } of QUEUE_REGISTERS) if ((words[at / 4]! & ~mask) !== 0) return false;
  const status = words[Q.STATUS / 4]!;
  const state = status & 0xff;
  const code = status >>> 8;
  const enabled = (words[Q.CONTROL / 4]! & CONTROL_ENABLE) !== 0;
  if (!enabled) return status === QUEUE_STATE.IDLE;
  if (state === QUEUE_STATE.ERROR) return code > JOB_STATUS.OK && code <= JOB_STATUS.COMPLETION;
  if (status !== QUEUE_STATE.RUNNING || !validRing(words[Q.RING_SIZE / 4]!)) return false;
  const posted = (words[Q.PRODUCER / 4]! - words[Q.CONSUMER / 4]!) >>> 0;
  return posted <= words[Q.RING_SIZE / 4]!;
}

/** A ring has a power of two entries, up to RING_MAX. */
export function validRing(size: number): boolean {
  return size > 0 && size <= RING_MAX && (size & (size - 1)) === 0;
}
