/**
 * The dirty bits of one mapping as the kernel keeps them: an array of 64-bit words with one word more than the pages
 * need, that is shifted in place to meet the user's alignment. Bits shifted beyond the last page stay until the
 * tracking stops and show up in later answers; so the words are reproduced here, and only those that differ from their
 * neighbours take memory.
 */
import { viewOf } from '../../kernel/bytes.ts';

/** Bits of a word. */
const WORD = 64;
const ONES = 0xffff_ffff_ffff_ffffn;
/** Bytes handed to the user at a time. */
const CHUNK = 0x1_0000;

/** Bytes of a bitmap of `bits` bits (DIRTY_BITMAP_BYTES). */
export function bitmapBytes(bits: number): number {
  return Math.ceil(bits / WORD) * 8;
}

export class DirtyBitmap {
  readonly pages: number;
  /** Words all of whose bits are pages. */
  private readonly whole: number;
  /** The whole words are all ones, unless listed. */
  private full = false;
  /** Words that are not what {@link full} says; words behind the whole ones are zero unless listed. */
  private readonly words = new Map<number, bigint>();

  constructor(pages: number) {
    this.pages = pages;
    this.whole = Math.floor(pages / WORD);
  }

  /** Marks `count` pages from `first`. */
  mark(first: number, count: number): void {
    for (let page = first; page < first + count; ) {
      const index = Math.floor(page / WORD);
      const bits = Math.min(WORD - (page % WORD), first + count - page);
      this.put(index, this.word(index) | (ones(bits) << BigInt(page % WORD)));
      page += bits;
    }
  }

  /** Marks every page. */
  markAll(): void {
    this.fill(true);
    const rest = this.pages % WORD;
    if (rest > 0) this.put(this.whole, this.word(this.whole) | ones(rest));
  }

  /** Clears every page; bits beyond the last page keep their value (bitmap_clear). */
  clearPages(): void {
    this.fill(false);
    const rest = this.pages % WORD;
    if (rest > 0) this.put(this.whole, this.word(this.whole) & (ONES ^ ones(rest)));
  }

  /** lib/bitmap.c:__bitmap_shift_left over pages + by bits: whole words move, so the bits beyond move too. */
  shift(by: number): void {
    const limit = this.limit(by);
    const affected = new Set([0, this.whole, this.whole + 1]);
    for (const index of this.words.keys()) affected.add(index).add(index + 1);
    const left = BigInt(by);
    const right = BigInt(WORD - by);
    for (const index of [...affected].sort((a, b) => b - a)) {
      if (index >= limit) continue;
      const below = index === 0 ? 0n : this.word(index - 1);
      this.put(index, ((this.word(index) << left) & ONES) | (below >> right));
    }
  }

  /** Ors `bits` into the first word (lib/bitmap.c:__bitmap_or takes whole words). */
  merge(bits: bigint): void {
    this.put(0, this.word(0) | bits);
  }

  /** Hands the words of pages + `shifted` bits to `write`, piece by piece; false as soon as it says so. */
  copyOut(shifted: number, write: (offset: number, bytes: Uint8Array) => boolean): boolean {
    const total = this.limit(shifted) * 8;
    const buffer = new Uint8Array(Math.min(total, CHUNK));
    const view = viewOf(buffer);
    const pieces = this.wordsByPiece(total);
    for (let offset = 0; offset < total; offset += CHUNK) {
      const length = Math.min(CHUNK, total - offset);
      const wholeBytes = Math.max(0, Math.min(length, this.whole * 8 - offset));
      buffer.fill(this.full ? 0xff : 0, 0, wholeBytes).fill(0, wholeBytes);
      for (const [at, bits] of pieces.get(offset) ?? []) view.setBigUint64(at, bits, true);
      if (!write(offset, length === buffer.length ? buffer : buffer.subarray(0, length))) return false;
    }
    return true;
  }

  /** The listed words below `total` bytes, by the offset of the piece they are in. */
  private wordsByPiece(total: number): ReadonlyMap<number, readonly (readonly [at: number, bits: bigint])[]> {
    const pieces = new Map<number, [number, bigint][]>();
    for (const [index, bits] of this.words) {
      const at = index * 8;
      if (at >= total) continue;
      const offset = at - (at % CHUNK);
      const piece = pieces.get(offset);
      if (piece === undefined) pieces.set(offset, [[at - offset, bits]]);
      else piece.push([at - offset, bits]);
    }
    return pieces;
  }

  private limit(shifted: number): number {
    return Math.ceil((this.pages + shifted) / WORD);
  }

  private word(index: number): bigint {
    return this.words.get(index) ?? this.implied(index);
  }

  private implied(index: number): bigint {
    return this.full && index < this.whole ? ONES : 0n;
  }

  private put(index: number, bits: bigint): void {
    if (bits === this.implied(index)) this.words.delete(index);
    else this.words.set(index, bits);
  }

  private fill(full: boolean): void {
    this.full = full;
    for (const index of this.words.keys()) if (index < this.whole) this.words.delete(index);
  }
}

/** The lowest `count` bits. */
function ones(count: number): bigint {
  return ONES >> BigInt(WORD - count);
}
