/** Small system calls: reads of configuration space, and an ioctl that fills a struct. */
import { device_info, VFIO } from '../../../src/uapi/vfio.ts';
import { Site } from '../../e2e/site.ts';
import type { Figure, Work } from '../figure.ts';

const CALLS = 1000;
const CONFIG = 7 * 2 ** 40;

export function configurationReads(): Figure {
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

export function deviceInfo(): Figure {
  const { process, device } = new Site().vm();
  const { size, at } = device_info;
  const address = process.memory.allocate(4096);
  const argsz = new Uint8Array(new Uint32Array([size]).buffer);
  process.memory.write(address + at.argsz, argsz);
  return {
    name: 'VFIO_DEVICE_GET_INFO through the door',
    unit: 'calls/s',
    subject: {
      name: 'ioctl',
      amount: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++)
          if (process.ioctl(device.fd, VFIO.DEVICE_GET_INFO, address) !== 0) throw new Error('refused');
      },
    },
    baseline: filling(size),
  };
}

/** The same struct out of one buffer and into another, word by word. */
function filling(size: number): Work {
  const [from, to] = [new DataView(new ArrayBuffer(size)), new DataView(new ArrayBuffer(size))];
  return {
    name: 'a copy of the struct',
    amount: CALLS,
    run() {
      for (let i = 0; i < CALLS; i++)
        for (let at = 0; at < size; at += 4) to.setUint32(at, from.getUint32(at, true) + 1, true);
    },
  };
}
