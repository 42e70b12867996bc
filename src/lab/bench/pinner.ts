/**
 * An emulated device that uses the user's memory as kernel drivers do: pinned page by page, or copied. It gives back
 * what it is asked for; what it pins and copies is the lab's choice.
 */

import type { Process } from '../../kernel/process.ts';
import type { HostModule } from '../../machine/machine.ts';
import { VfioDevice, type VfioDeviceOps } from '../../vfio/device.ts';
import { vfio_dma_rw, vfio_pin_pages, vfio_unpin_pages } from '../../vfio/pages.ts';

/** Pages that were pinned by one call. */
export interface Pin {
  readonly iova: bigint;
  readonly count: number;
  readonly pages: readonly number[];
}

const PAGE = 4096n;

const OPS: VfioDeviceOps<Pinner> = {
  name: 'pinner',
  open_device: () => 0,
  close_device: (pinner) => pinner.giveBack(0, 2 ** 64),
  dma_unmap: (pinner, iova, length) => pinner.giveBack(iova, length),
};

export class Pinner {
  readonly vdev: VfioDevice<Pinner>;
  pins: Pin[] = [];

  constructor(name: string) {
    this.vdev = new VfioDevice(name, OPS, this);
  }

  /** 0, or a negated errno; `pages` of the new pin are physical addresses. */
  pin(iova: bigint, count: number, write: boolean): number {
    const pages = vfio_pin_pages(this.vdev as VfioDevice, iova, count, write);
    if (typeof pages === 'number') return pages;
    this.pins.push({ iova, count, pages });
    return 0;
  }

  /** Gives the pin of that number back. */
  unpin(index: number): void {
    const [pin] = this.pins.splice(index, 1);
    if (pin !== undefined) vfio_unpin_pages(this.vdev as VfioDevice, pin.iova, pin.count);
  }

  copy(caller: Process | undefined, iova: bigint, bytes: Uint8Array, write: boolean): number {
    return vfio_dma_rw(this.vdev as VfioDevice, caller, iova, bytes, write);
  }

  /** Every pin that touches the range. */
  giveBack(iova: number, length: number): void {
    for (let index = this.pins.length - 1; index >= 0; index--) {
      const { iova: start, count } = this.pins[index]!;
      const first = Number(start - (start % PAGE));
      if (first < iova + length && first + count * 4096 > iova) this.unpin(index);
    }
  }
}

/** Makes and registers pinners of these names. */
export const pinners =
  (names: readonly string[]): HostModule =>
  ({ vfio }) => {
    for (const name of names)
      vfio.registerDevice(new Pinner(name).vdev as unknown as VfioDevice, undefined, 'emulated');
  };
