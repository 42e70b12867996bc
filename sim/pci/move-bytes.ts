import { viewOf } from '../bytes.ts';
import type { PciFunction } from './function.ts';

/** Bytes of any length to or from a BAR, as a peer or a memory mapping moves them: split at natural alignment. */
export function moveBytes(fn: PciFunction, bar: number, offset: number, bytes: Uint8Array, write: boolean): void {
  if (bytes.length === 8 && offset % 8 === 0) {
    const view = viewOf(bytes);
    if (write) fn.write8(bar, offset, [view.getUint32(0, true), view.getUint32(4, true)]);
    else for (const [i, half] of fn.read8(bar, offset).entries()) view.setUint32(4 * i, half, true);
    return;
  }
  for (let done = 0; done < bytes.length; ) {
    const at = offset + done;
    const left = bytes.length - done;
    const width = at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1;
    if (write) {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[done + i]!;
      fn.write(bar, at, width, value);
    } else {
      const value = fn.read(bar, at, width);
      for (let i = 0; i < width; i++) bytes[done + i] = (value >>> (8 * i)) & 0xff;
    }
    done += width;
  }
}
