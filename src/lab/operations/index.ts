/** All kinds of steps. */
import { ACCESS } from './access.ts';
import { DMA } from './dma.ts';
import { FAILURE } from './failure.ts';
import { INTERRUPT } from './interrupt.ts';
import { LIFECYCLE } from './lifecycle.ts';
import { LINE } from './line.ts';
import { LOAD } from './load.ts';
import { LOGGING } from './logging.ts';
import { MIGRATION_OPERATIONS } from './migration.ts';
import type { Operation } from './operation.ts';
import { ROUND_TRIP } from './round-trip.ts';
import { SERIAL } from './serial.ts';
import { STREAM } from './stream.ts';

export const OPERATIONS: readonly Operation[] = [
  ...ACCESS,
  ...DMA,
  ...INTERRUPT,
  ...LIFECYCLE,
  ...MIGRATION_OPERATIONS,
  ...STREAM,
  ...ROUND_TRIP,
  ...LOGGING,
  ...FAILURE,
  ...SERIAL,
  ...LINE,
  ...LOAD,
];

/** By name, as counterexample files refer to them. */
export const OPERATION_BY_NAME: ReadonlyMap<string, Operation> = new Map(OPERATIONS.map((op) => [op.name, op]));

export type { Args, Operation } from './operation.ts';
