/** A counterexample as a test: a file that needs nothing but this package, and fails for as long as the defect is there. */
import { describeStep } from '../describe-step.ts';
import type { Scenario } from '../scenario.ts';
import { ruleOf } from './explain.ts';
import { messageOf } from './message.ts';

/** The source of a vitest file that runs `scenario` on new machines and expects that no promise breaks. */
export function testSource(scenario: Scenario, property: string, message: string): string {
  const { promise } = ruleOf(property);
  const { variant } = scenario;
  const lines = [
    `/**`,
    ` * ${comment(property)}: ${comment(messageOf({ message }))}`,
    ` * The rule: ${comment(promise)}`,
    ` *`,
    ...scenario.steps.map((step, index) => ` * ${String(index + 1).padStart(2)}  ${comment(describeStep(step))}`),
    ` */`,
    `import { expect, test } from 'vitest';`,
    `import { rerun, type Scenario, subjectNamed } from 'vfiolab/lab';`,
    ``,
    `const scenario: Scenario = ${JSON.stringify(scenario, undefined, 2)};`,
    ``,
    `test(${JSON.stringify(`${variant}: ${property}`)}, () => {`,
    `  const { violations } = rerun(subjectNamed(${JSON.stringify(variant)})!, scenario);`,
    `  expect(violations).toEqual([]);`,
    `});`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Text that cannot end the comment it stands in. */
const comment = (text: string): string => text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ');
