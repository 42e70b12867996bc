/** Holds the answer of a call against what the reference model says, and names the promise that a difference breaks. */
import { ERRNO, errnoName } from '../../uapi/errno.ts';
import { FAILURES, Injection } from '../injection.ts';
import { DMA_CONFINEMENT } from '../properties/dma-confinement.ts';
import { FD_LIFETIME } from '../properties/fd-lifetime.ts';
import { RESOURCE_BOUND } from '../properties/resource-bound.ts';
import { STREAM_ROBUSTNESS } from '../properties/stream-robustness.ts';
import type { Tenant } from '../tenant.ts';
import type { World } from '../world.ts';

/** Limits that were reached, or not; numbers that wrap; objects that are in use, or not. */
const BY_ERRNO: ReadonlyMap<number, string> = new Map([
  [ERRNO.ENOMEM, RESOURCE_BOUND.name],
  [ERRNO.EOVERFLOW, STREAM_ROBUSTNESS.name],
  [ERRNO.E2BIG, STREAM_ROBUSTNESS.name],
]);

/** A call and its answer; `property` is broken by a difference, unless the errno tells of another promise. */
export function hold(
  world: World,
  call: string,
  result: number,
  expected: number,
  property: string = DMA_CONFINEMENT.name,
): void {
  if (result === expected) return;
  // No entry left; where a place is looked for the same errno says that there is none.
  const full = call === 'MAP_DMA' && (expected === -ERRNO.ENOSPC || result === -ERRNO.ENOSPC);
  if (full) property = RESOURCE_BOUND.name;
  const broken = BY_ERRNO.get(-expected) ?? BY_ERRNO.get(-result) ?? property;
  world.violate(broken, `${call} answers ${say(result)} where ${say(expected)} is right`);
}

/** As {@link hold}, for calls that make, destroy and tie objects. */
export function holdObject(world: World, call: string, result: number, expected: number): void {
  hold(world, call, result, expected, FD_LIFETIME.name);
}

const say = (value: number): string => (value < 0 ? errnoName(value) : `0x${value.toString(16)}`);

/** `fail` is the number of a point of failure; from this bit on it says of what. */
export const POINT_BITS = 3;
const POINTS = 2 ** POINT_BITS - 1;

/** A call in which something may fail (argument `fail`; 0: nothing). */
export interface Attempt {
  readonly name: string;
  readonly property?: string;
  call(): number;
  /** What the reference says, and does; not asked if the call failed by injection: then nothing may have changed. */
  expect(): number;
}

/** Makes the call and holds it against the reference; its answer. */
export function attempt(world: World, tenant: Tenant, fail: number, { name, property, call, expect }: Attempt): number {
  if (fail <= 0) {
    const result = call();
    hold(world, name, result, expect(), property);
    return result;
  }
  const injection = new Injection(world, tenant, FAILURES[fail >> POINT_BITS] ?? 'allocation', fail & POINTS);
  const result = injection.into(call);
  injection.judge(result);
  if (!injection.hit || result >= 0) hold(world, name, result, expect(), property);
  return result;
}
