import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { machineForPlay } from '../src/cli/machine-option.ts';
import { findScripts, loadTrace, playTrace, type Trace } from '../src/trace/index.ts';

const FOLDER = join(import.meta.dirname, 'golden/kernel-traces');
const NAMES = findScripts([FOLDER]).map((path) => basename(path, '.vs'));
const machine = () => machineForPlay('recorded');

const traces = new Map<string, Trace>();
beforeAll(() => {
  for (const name of NAMES) traces.set(name, loadTrace(join(FOLDER, `${name}.vs`)));
});

test('recordings of configuration space, of region info and of type1 are there', () => {
  expect(NAMES).toEqual(
    expect.arrayContaining(['a1-cfg-read-igbvf', 'a3-cfg-behave-igbvf', 'b-info-igbvf', 'e-type1-v2']),
  );
});

describe('the emulator answers as Linux did on the recorded machine', () => {
  test.each(NAMES)('%s', (name) => {
    const trace = traces.get(name)!;
    const { steps, identical, different, notCompared, differences, fault } = playTrace(trace, machine);
    expect({ fault, differences }).toEqual({ fault: undefined, differences: [] });
    expect({ steps, different, sum: identical + notCompared }).toEqual({
      steps: trace.steps.length,
      different: 0,
      sum: trace.steps.length,
    });
    // What cannot be compared is the exception.
    expect(identical / steps).toBeGreaterThan(0.85);
  });
});

describe('and behind ports that report nothing of their link', () => {
  const folder = join(import.meta.dirname, 'golden/kernel-traces-no-link-active');
  test.each(findScripts([folder]).map((path) => [basename(path, '.vs'), path]))('%s', (_name, path) => {
    const result = playTrace(loadTrace(path), () => machineForPlay('recorded-no-link-active'));
    expect({ fault: result.fault, differences: result.differences }).toEqual({ fault: undefined, differences: [] });
  });
});

/** The trace with its `index`th answer changed by `change`. */
function altered(
  trace: Trace,
  index: number,
  change: (outcome: Trace['recorded'][number]['outcome']) => object,
): Trace {
  const recorded = trace.recorded.map((answer, i) =>
    i === index ? { ...answer, outcome: { ...answer.outcome, ...change(answer.outcome) } } : answer,
  );
  return { ...trace, recorded };
}

const flipped = (hex: string, at: number): string =>
  hex.slice(0, at) + (Number.parseInt(hex[at]!, 16) ^ 1).toString(16) + hex.slice(at + 1);

describe('a recording that differs is found out, at the step that differs', () => {
  test('by one bit of a struct that came back', () => {
    const trace = traces.get('b-info-igbvf')!;
    const index = trace.recorded.findIndex(
      ({ outcome }) => typeof outcome.out === 'string' && outcome.out.length >= 16,
    );
    const wrong = altered(trace, index, ({ out }) => ({ out: flipped(out as string, 9) }));
    const { different, differences } = playTrace(wrong, machine);
    expect([different, differences.map(({ n }) => n)]).toEqual([1, [trace.steps[index]!.line]]);
  });

  test('by one bit of configuration space', () => {
    const trace = traces.get('a1-cfg-read-igbvf')!;
    const index = trace.recorded.findLastIndex(
      ({ outcome }) => typeof outcome.data === 'string' && outcome.data !== '',
    );
    const wrong = altered(trace, index, ({ data }) => ({ data: flipped(data as string, 0) }));
    const { different, differences } = playTrace(wrong, machine);
    expect([different, differences.map(({ n }) => n)]).toEqual([1, [trace.steps[index]!.line]]);
  });

  test('by another errno', () => {
    const trace = traces.get('e-type1-v2')!;
    const index = trace.recorded.findIndex(({ outcome }) => outcome.errno === 'EINVAL');
    const wrong = altered(trace, index, () => ({ errno: 'EBUSY' }));
    const { steps, different, differences } = playTrace(wrong, machine);
    expect([steps, different, differences[0]!.n]).toEqual([trace.steps.length, 1, trace.steps[index]!.line]);
  });
});
