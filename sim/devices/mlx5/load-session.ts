/** Images loaded into one VHCA since it was stopped: a full one, and increments and parts that continue it. */
import type { SavedPage } from './icm.ts';
import { IMAGE_FLAG, type Image } from './image.ts';
import { decodeImage } from './image-decode.ts';
import { REFUSAL, type Refusal } from './refusal.ts';
import { acceptable, restore, type SavedRegisters } from './saved-state.ts';
import type { VfState } from './vf-state.ts';

const { INCREMENTAL, MORE, CONTINUED } = IMAGE_FLAG;

/** Parts that wait for the last one. */
interface Staged {
  readonly incremental: boolean;
  readonly registers: SavedRegisters;
  readonly pages: readonly SavedPage[];
}

export class LoadSession {
  /** Checksum of the full image, and the sequence number that comes next; undefined before the first image. */
  private base: number | undefined = undefined;
  private next = 0;
  private staged: Staged | undefined = undefined;

  /** Takes one image. Refused, it leaves no trace in the device or here. */
  load(bytes: Uint8Array, state: VfState): Refusal | undefined {
    const image = decodeImage(bytes, state.icm.pageCount);
    if (image === undefined || !this.fits(image, state)) return REFUSAL.BAD_IMAGE;
    if (!this.continues(image)) return REFUSAL.IMAGE_ORDER;
    const incremental = (image.header.flags & INCREMENTAL) !== 0;
    const registers = image.registers ?? this.staged!.registers;
    const earlier = (image.header.flags & CONTINUED) !== 0 ? this.staged!.pages : [];
    const pages = earlier.length === 0 ? image.pages : [...earlier, ...image.pages];
    if (image.header.sequence === 0) this.base = image.checksum;
    this.next = image.header.sequence + 1;
    if ((image.header.flags & MORE) !== 0) {
      this.staged = { incremental, registers, pages };
      return undefined;
    }
    this.staged = undefined;
    restore(state, registers, pages, !incremental);
    return undefined;
  }

  /** Could a device like this one be in that state? */
  private fits(image: Image, state: VfState): boolean {
    return image.registers === undefined || acceptable(image.registers, state.icm.size);
  }

  /** Does the image come next? A full one always may: it starts over. */
  private continues(image: Image): boolean {
    const { flags, base, sequence } = image.header;
    if ((flags & (INCREMENTAL | CONTINUED)) === 0) return base === 0 && sequence === 0;
    if (this.base === undefined || base !== this.base || sequence !== this.next) return false;
    if ((flags & CONTINUED) === 0) return this.staged === undefined;
    if (this.staged === undefined || this.staged.incremental !== ((flags & INCREMENTAL) !== 0)) return false;
    // Pages ascend over all parts, which also bounds what waits here to the size of the device memory.
    const last = this.staged.pages.at(-1)?.index ?? -1;
    return image.pages.every((page) => page.index > last);
  }
}
