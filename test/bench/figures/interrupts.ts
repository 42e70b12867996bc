/** MSI-X messages of a device, through fabric and interrupt remapping, to the eventfd of its user. */
import { Bell } from '../bell.ts';
import type { Figure } from '../figure.ts';

const MESSAGES = 1000;

export function interrupts(): Figure {
  const bell = new Bell();
  let counter = 0n;
  return {
    name: 'MSI-X interrupts to an eventfd',
    unit: 'interrupts/s',
    subject: {
      name: 'a message of the device',
      amount: MESSAGES,
      run() {
        for (let i = 0; i < MESSAGES; i++) bell.ring(1);
        if (bell.events[1].drain() !== BigInt(MESSAGES)) throw new Error('interrupts were lost');
      },
    },
    baseline: {
      name: 'a 64-bit counter',
      amount: MESSAGES,
      run() {
        for (let i = 0; i < MESSAGES; i++) counter = BigInt.asUintN(64, counter + 1n);
      },
    },
  };
}
