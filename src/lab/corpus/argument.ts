/**
 * One argument as bytes: a tag that is a small number itself, names an entry of a dictionary, or says what follows. A
 * mutation of one byte so gives a neighbour, a number at which arithmetic goes wrong, or another page.
 */
import type { ByteReader, ByteWriter } from './bytes.ts';

/** Numbers from here on are no tags of their own. */
const SMALL = 0xc0;
/** Tags from here on are followed by 1 to 8 bytes of a number. */
const NUMBER = 0xf0;
/** Tags from here on, with a byte behind, count pages. */
const PAGES = 0xf8;
const PAGE = 4096;
const MOST_PAGES = 0x7ff;

/** Where arithmetic goes wrong, and where machines have edges. The place is the code: entries are added at the end. */
const DICTIONARY: readonly number[] = [
  0xff,
  0x100,
  0xfff,
  0x1000,
  0x1001,
  0x1ffc,
  0x2000,
  0x3000,
  0x7fff,
  0x8000,
  0xffff,
  0x1_0000,
  0x1_0001,
  0x1_fffc,
  0x7fff_f000,
  0x7fff_ffff,
  0x8000_0000,
  0xfee0_0000,
  0xfee0_1000,
  0xffff_f000,
  0xffff_fffc,
  0xffff_fffe,
  0xffff_ffff,
  0x1_0000_0000,
  0x1_0000_1000,
  2 ** 36,
  2 ** 39 - PAGE,
  2 ** 39,
  2 ** 47 - PAGE,
  2 ** 48 - PAGE,
  2 ** 48,
  2 ** 52,
];
const CODES: ReadonlyMap<number, number> = new Map(DICTIONARY.map((value, index) => [value, SMALL + index]));

/** Reads one argument. */
export function readArgument(reader: ByteReader): number {
  const tag = reader.next();
  if (tag < SMALL) return tag;
  if (tag < NUMBER) return DICTIONARY[(tag - SMALL) % DICTIONARY.length]!;
  if (tag < PAGES) return reader.number(tag - NUMBER + 1);
  return ((tag - PAGES) * 0x100 + reader.next()) * PAGE;
}

/** Writes one argument, a whole number of 0 to 2^53 - 1, in the shortest form. */
export function writeArgument(writer: ByteWriter, value: number): void {
  if (value < SMALL) {
    writer.byte(value);
    return;
  }
  const code = CODES.get(value);
  if (code !== undefined) {
    writer.byte(code);
    return;
  }
  const pages = value / PAGE;
  if (Number.isInteger(pages) && pages <= MOST_PAGES) {
    writer.byte(PAGES + (pages >>> 8));
    writer.byte(pages);
    return;
  }
  let length = 1;
  while (value >= 2 ** (8 * length)) length++;
  writer.byte(NUMBER + length - 1);
  writer.number(value, length);
}
