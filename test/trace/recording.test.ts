import { describe, expect, test } from 'vitest';
import { formatAnswer, InputError, type Outcome, parseRecording, parseStep } from '../../src/trace/index.ts';
import { checkBelongs } from '../../src/trace/recording.ts';

const STEP = parseStep('pread dev r7 4', 3);

describe('a recording', () => {
  test.each<[Outcome, string]>([
    [{ ret: 4, data: '3412e811' }, '{"n":3,"s":"pread dev r7 4","ret":4,"data":"3412e811"}\n'],
    [{}, '{"n":3,"s":"pread dev r7 4"}\n'],
    [
      {
        probe: [
          [0, '34', 1, '34'],
          [1, 'EFAULT', 'EFAULT', 'EFAULT'],
        ],
      },
      '{"n":3,"s":"pread dev r7 4","probe":[\n[0,"34",1,"34"],\n[1,"EFAULT","EFAULT","EFAULT"]]}\n',
    ],
  ])('of %j is written as the recorder writes it, and read back', (outcome, text) => {
    expect(formatAnswer(STEP, outcome)).toBe(text);
    expect(parseRecording(text, 'x.jsonl')).toEqual([{ line: 1, n: 3, s: STEP.source, outcome }]);
  });

  test('may name the error under err', () => {
    const [one] = parseRecording('{"n":1,"s":"close x","ret":-1,"err":"EBADF"}', 'x.jsonl');
    expect(one!.outcome).toEqual({ ret: -1, errno: 'EBADF' });
  });

  test.each([
    ['{"n":1,"s":"close a","ret":0}\n{"n":2,"s":', 'x.jsonl:2: this is not JSON'],
    ['{"n":1,"s":"probe","probe":[\n[0,"00"],\n[1,', 'x.jsonl:1: this is not JSON'],
    ['\n[]', "x.jsonl:2: an answer needs a line number 'n' and a step 's'"],
    ['{"n":1}', "x.jsonl:1: an answer needs a line number 'n' and a step 's'"],
  ])('that is corrupt is refused with the line: %j', (text, complaint) => {
    expect(() => parseRecording(text, 'x.jsonl')).toThrow(new InputError(complaint));
  });

  test('belongs to a script when it answers exactly its steps', () => {
    const check = (text: string) => (): void => checkBelongs([STEP], parseRecording(text, 'x.jsonl'), 'x.jsonl');
    const right = formatAnswer(STEP, { ret: 0 });
    expect(check(right)).not.toThrow();
    expect(check('')).toThrow('x.jsonl: has no answer to line 3 of its script');
    expect(check(right.replace('r7', 'r6'))).toThrow(
      "x.jsonl:1: does not answer line 3 of its script, 'pread dev r7 4'",
    );
    expect(check(right + right)).toThrow('x.jsonl:2: answers a step that the script does not have');
  });
});
