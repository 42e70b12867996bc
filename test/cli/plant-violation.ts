/** Loaded before the program: a driver that does not notice resets. */
import { DEFECTS } from '../defects/index.ts';

DEFECTS.find(({ id }) => id === 'HISI-09')!.plant();
