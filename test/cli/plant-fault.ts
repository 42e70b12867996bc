/** Loaded before the program: an emulator that breaks. */
import { AddressSpace } from '../../src/kernel/address-space.ts';
import { patch } from '../defects/patch.ts';

patch(AddressSpace.prototype, 'pin', () => () => {
  throw new Error('planted');
});
