/** A scenario to bytes of a corpus. */
import { OPERATION_BY_NAME } from '../operations/index.ts';
import { orderOf, type Scenario, type Step, TWINS, turnsOf } from '../scenario.ts';
import type { Subject } from '../subject.ts';
import { writeArgument } from './argument.ts';
import { ByteWriter } from './bytes.ts';
import { fromCode, toCode } from './domain.ts';
import { domainOf } from './domains.ts';
import { ACTORS, CORPUS_VERSION, LEFT_UNDER_WAY, MOST_STEPS, ORDERED, ORDERS, SEEDED, TURNS_SHIFT } from './format.ts';
import { numberOf } from './menu.ts';

/**
 * The bytes that {@link decode} makes the scenario of. What a campaign generates, and what is shrunk from that, comes
 * back as it was; of a scenario written by hand, what the format cannot express becomes what is nearest.
 */
export function encode(scenario: Scenario, subject: Subject): Buffer {
  const writer = new ByteWriter();
  const { seed, twin, setting, steps, schedule } = scenario;
  writer.byte(CORPUS_VERSION);
  writer.byte(TWINS.indexOf(twin) | (seed === 0 ? 0 : SEEDED));
  if (seed !== 0) writeArgument(writer, Math.abs(seed));
  const values = subject.factors.map(({ name }) => setting[name] ?? 0);
  const count = values.findLastIndex((value) => value !== 0) + 1;
  writer.byte(count);
  for (const value of values.slice(0, count)) writer.byte(value);
  for (const [index, step] of steps.slice(0, MOST_STEPS).entries())
    writeStep(writer, step, schedule[index] ?? 0, scenario, subject);
  return writer.done();
}

function writeStep(writer: ByteWriter, step: Step, scheduled: number, { setting }: Scenario, subject: Subject): void {
  const { by, op, args, spawn } = step;
  const order = orderOf(scheduled) % ORDERS;
  const turns = turnsOf(scheduled) << TURNS_SHIFT;
  writer.byte(ACTORS.indexOf(by) | (spawn ? LEFT_UNDER_WAY : 0) | turns | (order === 0 ? 0 : ORDERED));
  if (order !== 0) writeArgument(writer, order);
  if (by !== 'H') writer.byte(numberOf(op));
  const names = by === 'H' ? ['what'] : OPERATION_BY_NAME.get(op)!.args;
  const profile = subject.profile(setting);
  const written: Record<string, number> = {};
  for (const name of names) {
    const domain = domainOf(op, name, { by, variant: subject.variant, profile, args: written });
    const code = toCode(args[name] ?? 0, domain);
    written[name] = fromCode(code, domain);
    writeArgument(writer, code);
  }
}
