/** How much vital product data a function has, written down a second time (PCI Local Bus 3.0, appendix I). */
import { Buffer } from 'node:buffer';
import type { FunctionTemplate } from '../../../sim/pci/template.ts';

/** Up to and with the end tag, as it was when the function was made: the host looks once. */
export function vitalBytes({ description }: FunctionTemplate): number {
  const bytes = Buffer.from(description.vpd ?? '', 'hex');
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    if (tag >= 0x80) at += 3 + bytes[at + 1]! + 256 * bytes[at + 2]!;
    else {
      at += 1 + (tag & 7);
      if (tag >> 3 === 0xf) return at;
    }
  }
  return bytes.length;
}
