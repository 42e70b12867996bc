/** A kind of step: when it makes sense, which arguments it gets, what it does, and how it reads. */
import type { Result } from '../../kernel/file.ts';
import type { Task } from '../../kernel/sleep.ts';
import type { Offer } from '../offers.ts';
import type { Random } from '../random.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';

/** Arguments by name; all numbers, so that they shrink, compare and print. */
export type Args = Readonly<Record<string, number>>;

/**
 * Where a tenant stands, as an index of weights: 0 the device is closed, else the migration state. Eight weights, in
 * the order closed, STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P.
 */
export type Weights = readonly [number, number, number, number, number, number, number, number];

/** Something a tenant can do: when it is likely, with what arguments, and how it is carried out. */
export interface Operation {
  readonly name: string;
  /** Names of the arguments. */
  readonly args: readonly string[];
  readonly weights: Weights;
  /** What the device must offer for this to make sense. */
  readonly needs?: Offer;
  /** May be started and left under way while later steps run. */
  readonly spawnable?: boolean;
  /** Chooses arguments from the state reached; undefined: not possible now. */
  generate(random: Random, tenant: Tenant, world: World): Args | undefined;
  /** Does it through the door and checks what can be checked at once. The result is part of what the tenant observes. */
  run(tenant: Tenant, args: Args, world: World, spawned: boolean): Result;
}

/** The same weight wherever the device is open. */
export const whileOpen = (weight: number): Weights => [0, weight, weight, weight, weight, weight, weight, weight];

/** How often an operation repeats something, or how much it moves: a scenario may come from anywhere, and say anything. */
export const atMost = (limit: number, number: number | undefined): number => Math.min(number ?? 0, limit);

/** Runs `then` on the result of a call, now or when the call ends. */
export function after(call: Result, then: (result: number) => number): Result {
  return typeof call === 'number' ? then(call) : afterwards(call, then);
}

/** Not written inside of `after`: each new function would have generators of a shape of their own. */
function* afterwards(call: Task<number>, then: (result: number) => number): Task<number> {
  return then(yield* call);
}
