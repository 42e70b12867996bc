/**
 * The trace player: scripts of system calls, recordings of what a kernel answered, and their comparison.
 * @module
 */

export { type Comparison, compare } from './compare.ts';
export type { Difference, FieldDifference } from './difference.ts';
export { InputError } from './input-error.ts';
export { findScripts, loadScript, loadTrace } from './load-traces.ts';
export type { Machine } from './machine.ts';
export type { Outcome, ProbeRow } from './outcome.ts';
export { parseScript, parseStep } from './parse-script.ts';
export { type FileResult, playTrace, recordScript, type Trace } from './play-script.ts';
export { formatAnswer, parseRecording, type Recorded } from './recording.ts';
export { differenceText, fileLine, jsonReport, type Totals, totalLine, totalsOf } from './report.ts';
export { type Context, Run } from './run.ts';
export type { Step, Verb } from './step.ts';
