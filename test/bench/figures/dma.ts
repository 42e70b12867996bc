/** A device's writes through fabric and IOMMU into a guest's memory. */
import { RAM_AT, Site } from '../../e2e/site.ts';
import type { Figure } from '../figure.ts';

const BYTES = 0x1_0000;

export function dma(): Figure {
  const site = new Site();
  const vm = site.vm();
  const { function: fn } = site.machine.kernel.bus.devices.get(site.bdf(0))!;
  const { fabric } = site.machine.hardware;
  const bytes = new Uint8Array(BYTES).fill(7);
  const plain = new Uint8Array(BYTES);
  vm.poke(0, bytes);
  return {
    name: 'DMA writes of 64 KiB',
    unit: 'GB/s',
    subject: {
      name: 'Fabric.write',
      amount: BYTES / 1e9,
      run() {
        if (!fabric.write(fn, RAM_AT, bytes)) throw new Error('blocked');
      },
    },
    baseline: { name: 'Uint8Array.set', amount: BYTES / 1e9, run: () => plain.set(bytes) },
  };
}
