/** Known defects that have no place to stand here, each with the reason. */
import type { LeftOut } from '../../src/lab/zoo/defect.ts';

export const LEFT_OUT: readonly LeftOut[] = [];
