/** Images that nobody's firmware wrote, but that carry the right sums: whoever writes a stream can compute them. */
import { checksum } from '../../../sim/devices/mlx5/checksum.ts';
import { IMAGE } from '../../../sim/devices/mlx5/image.ts';
import { MLX5_FORMAT } from '../../../variants/mlx5/format.ts';
import { TAG } from '../../../variants/mlx5/safeguards.ts';
import { viewOf } from '../../kernel/bytes.ts';
import type { StreamFault } from '../../variant/format.ts';
import { join } from '../../variant/record-stream.ts';

/** Numbers at which something ends: queues, rings, pages, words. */
const VALUES = [
  0, 1, 2, 3, 4, 5, 15, 16, 17, 0x30, 0x40, 0xff, 0x100, 0xfff, 0x1000, 0x1001, 0x1_0000, 0x2_0000, 0x7fff_ffff,
  0x8000_0000, 0xffff_f000, 0xffff_ffff,
];
/** Header, registers and the first pages: words behind these are device memory, and any value is as good. */
const WORDS = 128;
const FIRST_WORD = IMAGE.VERSION / 4;
const TAG_AT = 12;

/** Puts a number in the place of a word of one image; its sum, and those that go on from it, are made right again. */
export function forgeImage(stream: Uint8Array, { part, place, value }: StreamFault): Uint8Array {
  const { records, tail } = MLX5_FORMAT.split(new Uint8Array(stream));
  const images = records
    .filter((record) => viewOf(record).getUint32(TAG_AT, true) === TAG.FW_DATA)
    .map((record) => record.subarray(MLX5_FORMAT.headerSize));
  const image = images[part % Math.max(1, images.length)];
  if (image === undefined || image.length < IMAGE.SIZE) return stream;
  const words = Math.min(WORDS, image.length / 4) - FIRST_WORD;
  const first = images[0]!;
  const base = viewOf(first).getUint32(IMAGE.CHECKSUM);
  viewOf(image).setUint32(4 * (FIRST_WORD + (place % words)), VALUES[value % VALUES.length]!);
  seal(first);
  for (const later of images.slice(1)) {
    const view = viewOf(later);
    if (view.getUint32(IMAGE.BASE) === base) view.setUint32(IMAGE.BASE, viewOf(first).getUint32(IMAGE.CHECKSUM));
    seal(later);
  }
  return join([...records, tail]);
}

function seal(image: Uint8Array): void {
  viewOf(image).setUint32(IMAGE.CHECKSUM, checksum(image, IMAGE.VERSION, image.length));
}
