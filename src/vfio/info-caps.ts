/**
 * Capability chains behind info structs (vfio_main.c: vfio_info_cap_add, vfio_info_cap_shift). A header's `next` counts
 * from the start of the info struct, 0 ends the chain, and every capability starts 8-byte aligned.
 */
import { viewOf } from '../kernel/bytes.ts';
import type { Process } from '../kernel/process.ts';
import { ERRNO } from '../uapi/errno.ts';
import { info_cap_header } from '../uapi/vfio.ts';

/** One capability: `payload` is what follows the 8-byte header. */
export interface InfoCap {
  readonly id: number;
  readonly version: number;
  readonly payload: Uint8Array;
}

/** Bytes of `cap` in the chain, header and alignment included. */
function sizeOf(cap: InfoCap): number {
  return Math.ceil((info_cap_header.size + cap.payload.length) / 8) * 8;
}

/** vfio_info_cap_add makes the buffer longer for each capability; false: ENOMEM, and the chain is given up. */
export function allocateInfoCaps(caller: Process, caps: readonly InfoCap[]): boolean {
  return caps.every(() => !caller.faults.allocation.fails());
}

/** Bytes of the whole chain. */
export function infoCapsSize(caps: readonly InfoCap[]): number {
  let size = 0;
  for (const cap of caps) size += sizeOf(cap);
  return size;
}

/** The chain as it stands `base` bytes behind the start of the info struct. */
export function encodeInfoCaps(caps: readonly InfoCap[], base: number): Uint8Array {
  const bytes = new Uint8Array(infoCapsSize(caps));
  const view = viewOf(bytes);
  let at = 0;
  for (const cap of caps) {
    const end = at + sizeOf(cap);
    view.setUint16(at + info_cap_header.at.id, cap.id, true);
    view.setUint16(at + info_cap_header.at.version, cap.version, true);
    view.setUint32(at + info_cap_header.at.next, end < bytes.length ? base + end : 0, true);
    bytes.set(cap.payload, at + info_cap_header.size);
    at = end;
  }
  return bytes;
}

/** What the info struct tells about its chain. */
export interface PlacedCaps {
  /** The user's argsz, or the size needed when that was too small for the chain. */
  readonly argsz: number;
  /** Where the chain starts; 0: it did not fit and nothing was written. */
  readonly capOffset: number;
}

/**
 * Writes a non-empty chain behind the info struct of `structSize` bytes at `argument`, if the user's `argsz` has room.
 * A chain that does not fit is no error: the caller learns the size it takes. EFAULT when the chain cannot be written.
 */
export function placeInfoCaps(
  caller: Process,
  argument: number,
  argsz: number,
  structSize: number,
  caps: readonly InfoCap[],
): PlacedCaps | number {
  const needed = structSize + infoCapsSize(caps);
  if (argsz < needed) return { argsz: needed, capOffset: 0 };
  if (!caller.copyToUser(argument + structSize, encodeInfoCaps(caps, structSize))) return -ERRNO.EFAULT;
  return { argsz, capOffset: structSize };
}
