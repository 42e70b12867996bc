/** Reads of configuration space through a system call. */
import { Site } from '../../e2e/site.ts';
import type { Figure } from '../figure.ts';

const CALLS = 1000;
const CONFIG = 7 * 2 ** 40;

export function door(): Figure {
  const { process, device } = new Site().vm();
  const address = process.memory.allocate(4096);
  const view = new DataView(new ArrayBuffer(4096));
  let sum = 0;
  return {
    name: 'configuration reads through the door',
    unit: 'reads/s',
    subject: {
      name: 'pread of 4 bytes',
      amount: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++)
          if (process.pread(device.fd, address, 4, CONFIG + ((i * 4) & 0xfc)) !== 4) throw new Error('short read');
      },
    },
    baseline: {
      name: 'DataView.getUint32',
      amount: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) sum = (sum + view.getUint32((i * 4) & 0xfc, true)) | 0;
      },
    },
  };
}
