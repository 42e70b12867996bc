/** The images one VHCA gives out: how large the next is, what is in it, and what its being written changes. */
import type { SavedPage } from './icm.ts';
import { checksumOf, encodeImage, IMAGE, IMAGE_FLAG, pageSize, RECORD_HEADER, REGISTERS_SIZE } from './image.ts';
import { REFUSAL, type Refusal } from './refusal.ts';
import { capture } from './saved-state.ts';
import { ICM_PAGE } from './vf-registers.ts';
import type { Vhca } from './vhca.ts';

/** Since the full image: its checksum, the next sequence number, and what did not fit into the last part. */
export interface SaveStream {
  base: number;
  next: number;
  rest: { readonly pages: readonly number[]; readonly incremental: boolean } | undefined;
}

/** An image ready to be written. `commit` runs once it has been. */
export interface PreparedSave {
  readonly bytes: Uint8Array;
  /** Bytes the next part needs, 0: this was the last one. */
  readonly nextRequired: number;
  commit(): void;
}

/** Pages a part can hold at least, when the driver asks how large a part must be. */
const PART_PAGES = 4;
const PART_LEAST = REGISTERS_SIZE + PART_PAGES * (RECORD_HEADER + ICM_PAGE);

/** Bytes of a full image, of an increment, or of what is left of one. An increment without a change is 0 while running. */
export function totalSize(vhca: Vhca, incremental: boolean): number {
  const { icm, changes } = vhca.vf.state;
  if (!incremental) return REGISTERS_SIZE + icm.nonZero().length * (RECORD_HEADER + ICM_PAGE);
  const rest = vhca.stream?.rest;
  if (rest === undefined && !vhca.stopped && !changes?.registers && changes?.pages.size === 0) return 0;
  let size: number = rest === undefined ? REGISTERS_SIZE : IMAGE.SIZE;
  for (const index of rest?.pages ?? changes?.pages ?? []) size += pageSize(icm.saved(index));
  return size;
}

/** What a buffer for the next part must hold. */
export function partSize(total: number): number {
  return Math.min(total, PART_LEAST);
}

/** The image for SAVE_VHCA_STATE, at most `room` bytes. */
export function prepareSave(
  vhca: Vhca,
  incremental: boolean,
  track: boolean,
  room: number,
  inParts: boolean,
): PreparedSave | Refusal {
  if (!track && !vhca.stopped) return abandon(vhca, room);
  const { state } = vhca.vf;
  const stream = vhca.stream;
  const rest = incremental && !track ? stream?.rest : undefined;
  let left = room - (rest === undefined ? REGISTERS_SIZE : IMAGE.SIZE);
  if (left < 0) return REFUSAL.BUFFER_TOO_SMALL;
  const candidates =
    rest?.pages ?? (incremental ? [...(state.changes?.pages ?? [])].sort((a, b) => a - b) : state.icm.nonZero());
  const pages: SavedPage[] = [];
  for (const index of candidates) {
    const page = state.icm.saved(index);
    left -= pageSize(page);
    if (left < 0) break;
    pages.push(page);
  }
  // While it runs, what does not fit stays changed and comes with a later increment. At the end nothing may be missing.
  const missing = candidates.slice(pages.length);
  const more = missing.length > 0 && !track;
  if (more && (!inParts || (rest !== undefined && pages.length === 0))) return REFUSAL.BUFFER_TOO_SMALL;
  const delta = rest?.incremental ?? incremental;
  const flags =
    (delta ? IMAGE_FLAG.INCREMENTAL : 0) |
    (rest !== undefined ? IMAGE_FLAG.CONTINUED : 0) |
    (more ? IMAGE_FLAG.MORE : 0);
  const first = !incremental || stream === undefined;
  const header = {
    flags,
    base: first ? 0 : stream.base,
    sequence: first ? 0 : stream.next,
    icmPages: state.icm.pageCount,
  };
  const bytes = encodeImage(header, rest === undefined ? capture(state, []) : undefined, pages);
  const nextRequired = more ? partSize(IMAGE.SIZE + sizeOf(vhca, missing)) : 0;
  return {
    bytes,
    nextRequired,
    commit() {
      vhca.stream = {
        base: first ? checksumOf(bytes) : stream.base,
        next: header.sequence + 1,
        rest: more ? { pages: missing, incremental: delta } : undefined,
      };
      if (track) {
        if (!incremental) vhca.tracked++;
        state.changes = { pages: new Set(missing), registers: false, setup: false };
      } else vhca.endTracking();
    },
  };
}

/** Ends tracking without an image anybody could load: a header, if there is room for one. */
function abandon(vhca: Vhca, room: number): PreparedSave {
  const header = { flags: IMAGE_FLAG.ABANDONED, base: 0, sequence: 0, icmPages: vhca.vf.state.icm.pageCount };
  const bytes = room < IMAGE.SIZE ? new Uint8Array(0) : encodeImage(header, undefined, []);
  return {
    bytes,
    nextRequired: 0,
    commit() {
      vhca.endTracking();
      if (vhca.tracked === 0) vhca.stream = undefined;
    },
  };
}

function sizeOf(vhca: Vhca, pages: readonly number[]): number {
  let size = 0;
  for (const index of pages) size += pageSize(vhca.vf.state.icm.saved(index));
  return size;
}
