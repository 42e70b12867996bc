/** Known defects that have no place to stand here, each with the reason. */
import type { LeftOut } from '../../src/lab/zoo/defect.ts';

export const LEFT_OUT: readonly LeftOut[] = [
  {
    id: 'AP-01',
    reason:
      'There are no matrices of queues here: a device is assigned whole, so that there are no cross products to check anew.',
  },
  {
    id: 'CORE-11',
    reason:
      'The types of a mediated parent are a table, not objects that are made one by one: nothing of a parent can be half built.',
  },
];
