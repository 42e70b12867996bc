/**
 * The corpus format: a scenario as few bytes, for engines that mutate bytes. The variant is not in it.
 *
 *     version
 *     twin (low bits), and whether a seed follows (bit 7)
 *     [seed, as an argument]
 *     n, and n bytes: the value of each factor of the setting; factors behind are plain, as all are if n is too many
 *     a step, until the bytes end:
 *       who (bits 0-2), left under way (bit 3), turns that others get after it (bits 4-6), an order follows (bit 7)
 *       [order of the threads, as an argument]
 *       operation, unless it is the host who looks
 *       its arguments in the order in which they are declared
 *
 * Any bytes are a scenario, and so every other number is taken modulo what there is, and a missing byte is 0. That most
 * bytes for n mean a plain setting spares engines the machines of many settings.
 */
import type { Actor } from '../scenario.ts';
import { DIGITS } from '../schedule.ts';

/** Written at the head of new bytes. */
export const CORPUS_VERSION = 1;

/** Bit 7 behind the version. */
export const SEEDED = 0x80;

/** Who acts, by number: A mostly, as in a campaign. */
export const ACTORS: readonly Actor[] = ['A', 'A', 'A', 'A', 'A', 'A', 'B', 'H'];
export const LEFT_UNDER_WAY = 0x08;
export const TURNS_SHIFT = 4;
export const ORDERED = 0x80;
/** Orders are below this: eight switches. */
export const ORDERS = DIGITS ** 8;

/** Steps of a scenario at most. */
export const MOST_STEPS = 64;
