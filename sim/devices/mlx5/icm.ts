/** Device memory of one VF: pages come into being when first written, and read as zero until then. */
import { zeroedBytes } from '../../bytes.ts';
import { ICM_PAGE } from './vf-registers.ts';

/** A page as an image carries it; without bytes it is all zero. */
export interface SavedPage {
  readonly index: number;
  readonly bytes: Uint8Array | undefined;
}

export class Icm {
  readonly size: number;
  private readonly pages: (Uint8Array | undefined)[] = [];
  /** Pages behind the end: only an image that nobody has checked brings any. */
  private readonly beyond = new Map<number, Uint8Array>();

  constructor(size: number) {
    this.size = size;
  }

  get pageCount(): number {
    return this.size / ICM_PAGE;
  }

  /** A little-endian value of 1, 2 or 4 bytes; bytes past the end read 0. */
  get(offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--)
      value = value * 256 + (this.at(Math.floor((offset + i) / ICM_PAGE))?.[(offset + i) & (ICM_PAGE - 1)] ?? 0);
    return value;
  }

  /** [offset, offset + into.length) must lie inside. */
  read(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const within = (offset + done) & (ICM_PAGE - 1);
      const count = Math.min(ICM_PAGE - within, into.length - done);
      const page = this.at((offset + done - within) / ICM_PAGE);
      if (page !== undefined) into.set(page.subarray(within, within + count), done);
      else into.fill(0, done, done + count);
      done += count;
    }
  }

  /** [offset, offset + bytes.length) must lie inside. */
  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const within = (offset + done) & (ICM_PAGE - 1);
      const count = Math.min(ICM_PAGE - within, bytes.length - done);
      const page = this.page((offset + done - within) / ICM_PAGE);
      // A loop is faster than a view for a few bytes.
      if (count <= 96) for (let i = 0; i < count; i++) page[within + i] = bytes[done + i]!;
      else page.set(bytes.subarray(done, done + count), within);
      done += count;
    }
  }

  /** The page for an image; the bytes are the live ones. */
  saved(index: number): SavedPage {
    const page = this.at(index);
    return { index, bytes: page === undefined || zero(page) ? undefined : page };
  }

  /** Pages that are not all zero, in order: what a full image lists, whatever was ever touched. */
  nonZero(): number[] {
    const { pages } = this;
    const found: number[] = [];
    for (let index = 0; index < pages.length; index++) {
      const page = pages[index];
      if (page !== undefined && !zero(page)) found.push(index);
    }
    for (const [index, page] of this.beyond) if (!zero(page)) found.push(index);
    return found.sort((a, b) => a - b);
  }

  load(page: SavedPage): void {
    if (page.bytes === undefined) this.drop(page.index);
    else this.page(page.index).set(page.bytes);
  }

  clear(): void {
    this.pages.fill(undefined);
    this.beyond.clear();
  }

  private page(index: number): Uint8Array {
    let page = this.at(index);
    if (page !== undefined) return page;
    page = zeroedBytes(ICM_PAGE);
    if (index < this.pageCount) this.pages[index] = page;
    else this.beyond.set(index, page);
    return page;
  }

  private at(index: number): Uint8Array | undefined {
    return index < this.pageCount ? this.pages[index] : this.beyond.get(index);
  }

  private drop(index: number): void {
    if (index < this.pageCount) this.pages[index] = undefined;
    else this.beyond.delete(index);
  }
}

function zero(page: Uint8Array): boolean {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
