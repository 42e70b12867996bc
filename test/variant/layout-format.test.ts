/** A format of fixed layout: what is declared once comes back from the encoder, the checks, the table and the mutator. */
import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { defineSafeguards, layoutFormat } from '../../src/variant/index.ts';
import { LAYOUT_MUTATORS } from '../../src/variant/layout-mutations.ts';

const GUARDS = defineSafeguards('test', {
  MAGIC: { checks: 'the magic', errno: 'EFAULT', holds: (magic: number) => magic === 0x1234 },
  ANY: { checks: 'any number', errno: 'EINVAL', holds: (_count: number) => true },
  SMALL: { checks: 'below 10', errno: 'EINVAL', holds: (size: number) => size < 10 },
  EVEN: { checks: 'an even number', errno: 'ERANGE', holds: (size: number) => size % 2 === 0 },
});

const about = { meaning: 'm', producer: 'driver', userVisible: false, constraint: 'c' } as const;
const FORMAT = layoutFormat({
  name: 'test',
  summary: '',
  compatibility: '',
  order: [],
  littleEndian: true,
  header: {
    magic: { ...about, offset: 0, type: 'u16', safeguards: [GUARDS.MAGIC], values: [0x1234] },
    count: { ...about, offset: 2, type: 'u16', safeguards: [GUARDS.ANY], values: [2] },
  },
  countField: 'count',
  section: {
    name: 'part',
    size: 8,
    fields: {
      corrected: { ...about, offset: 5, type: 'u8', safeguards: [GUARDS.SMALL], otherwise: 7 },
      refused: { ...about, offset: 0, type: 'u8', safeguards: [GUARDS.EVEN] },
    },
    blocks: { bytes: { ...about, offset: 1, length: 4 } },
  },
});

function stream(): Uint8Array {
  const bytes = new Uint8Array(FORMAT.size(2));
  FORMAT.putHeader(bytes, { magic: 0x1234, count: 2 });
  for (const index of [0, 1])
    FORMAT.putSection(
      FORMAT.part(bytes, index),
      { corrected: index, refused: 4 },
      { bytes: Uint8Array.of(1, 2, 3, 4) },
    );
  return bytes;
}

describe('a stream', () => {
  test('lies as declared: header, sections, padding of zero', () => {
    expect(Buffer.from(stream()).toString('hex')).toBe(['34120200', '0401020304000000', '0401020304010000'].join(''));
  });

  test('comes back through the checks', () => {
    const bytes = stream();
    expect(FORMAT.checkHeader(bytes)).toEqual({ magic: 0x1234, count: 2 });
    expect(FORMAT.checkSection(FORMAT.part(bytes, 1))).toEqual({
      fields: { corrected: 1, refused: 4 },
      blocks: { bytes: Uint8Array.of(1, 2, 3, 4) },
    });
  });

  test('is refused with the errno of the first check it fails', () => {
    const bytes = stream();
    bytes[0] = 0;
    expect(FORMAT.checkHeader(bytes)).toBe(-ERRNO.EFAULT);
    FORMAT.part(bytes, 0)[0] = 3;
    expect(FORMAT.checkSection(FORMAT.part(bytes, 0))).toBe(-ERRNO.ERANGE);
  });

  test('is corrected where the declaration says what a bad value counts as', () => {
    const bytes = stream();
    FORMAT.part(bytes, 0)[5] = 200;
    expect(FORMAT.checkSection(FORMAT.part(bytes, 0))).toMatchObject({ fields: { corrected: 7 } });
  });
});

test('the table lists fields and blocks where they lie', () => {
  expect(FORMAT.rows.map(({ part, offset, size, name }) => [part, offset, size, name])).toEqual([
    ['header', 0, 2, 'magic'],
    ['header', 2, 2, 'count'],
    ['part', 0, 1, 'refused'],
    ['part', 1, 4, 'bytes'],
    ['part', 5, 1, 'corrected'],
  ]);
  expect(FORMAT.safeguards).toEqual([GUARDS.MAGIC, GUARDS.ANY, GUARDS.SMALL, GUARDS.EVEN]);
});

test('a generated stream passes its own checks', () => {
  const bytes = FORMAT.generate((n) => n - 1);
  expect(bytes).toHaveLength(FORMAT.size(2));
  expect(FORMAT.checkHeader(bytes)).toMatchObject({ magic: 0x1234 });
});

describe('the mutator', () => {
  const choices = (seed: number) => (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;

  test('makes every kind of change, leaves its input alone, and repeats itself', () => {
    const valid = stream();
    const seen = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const { what, bytes } = FORMAT.mutate(valid, choices(seed * 7919));
      expect(FORMAT.mutate(valid, choices(seed * 7919)).bytes).toEqual(bytes);
      seen.add(what);
    }
    expect(valid).toEqual(stream());
    expect([...seen].sort()).toEqual(Object.keys(LAYOUT_MUTATORS).sort());
  });

  test('copes with a stream that is less than a header', () => {
    for (let seed = 0; seed < 20; seed++)
      expect(['truncate', 'extend']).toContain(FORMAT.mutate(Uint8Array.of(1), choices(seed * 7919)).what);
  });
});
