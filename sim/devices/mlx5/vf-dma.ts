/** The VF's memory requests: bounded to what can be addressed, cut at 4 KiB, and every write told to the page tracker. */
import type { DmaPort } from '../../pci/model.ts';
import { addressable } from './u64.ts';

/** No request may cross a 4 KiB boundary (PCIe 2.2.7), so each piece reaches memory whole or not at all. */
const BOUNDARY = 4096;

export class VfDma {
  private readonly port: DmaPort;
  /** Told of each write that reached memory. */
  private readonly wrote: (iova: number, length: number) => void;

  constructor(port: DmaPort, wrote: (iova: number, length: number) => void) {
    this.port = port;
    this.wrote = wrote;
  }

  read(iova: number, into: Uint8Array): boolean {
    return addressable(iova, into.length) && this.port.read(iova, into);
  }

  /** False: a piece was blocked; those before it have been written. */
  write(iova: number, bytes: Uint8Array): boolean {
    if (!addressable(iova, bytes.length)) return false;
    for (let done = 0; done < bytes.length; ) {
      const count = Math.min(BOUNDARY - ((iova + done) % BOUNDARY), bytes.length - done);
      const piece = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      if (!this.port.write(iova + done, piece)) return false;
      this.wrote(iova + done, count);
      done += count;
    }
    return true;
  }
}
