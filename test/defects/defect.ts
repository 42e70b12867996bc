export type { Defect } from '../../src/lab/zoo/defect.ts';
