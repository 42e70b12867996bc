import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../src/uapi/errno.ts';
import { boundaryValues } from '../../src/variant/field.ts';
import type { Choose } from '../../src/variant/format.ts';
import { RECORD_MUTATORS } from '../../src/variant/record-mutations.ts';
import { join } from '../../src/variant/record-stream.ts';
import { withoutSafeguard } from '../../src/variant/safeguard.ts';
import { fromUser } from '../../src/variant/untrusted.ts';
import { MLX5_FORMAT, SAFEGUARDS } from '../../variants/mlx5/index.ts';

/** What a decoder told its session. */
interface Seen {
  readonly images: Uint8Array[];
  readonly sizes: bigint[];
  result: number;
}

/** Decodes a stream that arrives in pieces of the given lengths, over and over. */
function decode(stream: Uint8Array, cuts: readonly number[] = [stream.length || 1], images: Uint8Array[] = []): Seen {
  const seen: Seen = { images, sizes: [], result: 0 };
  let parts: Uint8Array[] = [];
  const decoder = MLX5_FORMAT.decoder({
    STOP_COPY_SIZE: { end: ({ stop_copy_size }) => seen.sizes.push(stop_copy_size) && 0 },
    FW_DATA: {
      begin: () => {
        parts = [];
        return 0;
      },
      data: (bytes, offset) => {
        expect(offset).toBe(parts.reduce((sum, part) => sum + part.length, 0));
        parts.push((bytes as unknown as Uint8Array).slice());
        return 0;
      },
      end: () => {
        seen.images.push(join(parts));
        return 0;
      },
    },
  });
  for (let at = 0, i = 0; at < stream.length && seen.result === 0; i++) {
    const piece = stream.subarray(at, at + cuts[i % cuts.length]!);
    const { value, done } = decoder.write(fromUser(piece)).next();
    expect(done).toBe(true);
    seen.result = value as number;
    at += piece.length;
  }
  if (seen.result < 0) {
    const images = seen.images.length;
    expect(decoder.write(fromUser(stream)).next().value).toBe(seen.result);
    expect(seen.images.length).toBe(images);
  }
  return seen;
}

/** Choices from a list of numbers, as a property test gives them. */
function chooser(numbers: readonly number[]): Choose {
  let i = 0;
  return (n) => numbers[i++ % numbers.length]! % n;
}

const choices = fc.array(fc.nat(), { minLength: 8, maxLength: 40 });
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });

test('records come back as they went, in any segmentation', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 5 }),
      fc.bigInt(0n, 0xffff_ffffn),
      cuts,
      (images, size, pieces) => {
        const stream = join([
          MLX5_FORMAT.fieldRecord('STOP_COPY_SIZE', { stop_copy_size: size }),
          ...images.map((image) => MLX5_FORMAT.record('FW_DATA', image)),
        ]);
        const seen = decode(stream, pieces);
        expect(seen.result).toBe(0);
        expect(seen.sizes).toEqual([size]);
        expect(seen.images.map((image) => [...image])).toEqual(images.map((image) => [...image]));
      },
    ),
  );
});

test('generated streams are valid', () => {
  fc.assert(
    fc.property(choices, cuts, (numbers, pieces) => {
      const seen = decode(MLX5_FORMAT.generate(chooser(numbers)), pieces);
      expect(seen.result).toBe(0);
      expect(seen.images.length).toBeGreaterThanOrEqual(1);
      expect(seen.images.length).toBeLessThanOrEqual(3);
    }),
  );
});

describe('mutations', () => {
  const errnos = new Set([0, ...MLX5_FORMAT.safeguards.map((guard) => -guard.errno)]);

  test.each(Object.keys(RECORD_MUTATORS))('%s: refused with a declared errno, or a valid stream', (what) => {
    const names = Object.keys(RECORD_MUTATORS);
    let results = 0;
    fc.assert(
      fc.property(choices, choices, cuts, (first, second, pieces) => {
        const stream = MLX5_FORMAT.generate(chooser(first));
        const before = stream.slice();
        const mutation = MLX5_FORMAT.mutate(stream, chooser([names.indexOf(what), ...second]));
        expect(mutation.what).toBe(what);
        expect(Buffer.compare(stream, before)).toBe(0);
        const whole = decode(mutation.bytes);
        expect(errnos).toContain(whole.result);
        const cut = decode(mutation.bytes, pieces);
        expect([cut.result, cut.images.length, cut.sizes]).toEqual([whole.result, whole.images.length, whole.sizes]);
        results++;
      }),
    );
    expect(results).toBeGreaterThan(0);
  });

  test('are a function of stream and choices alone', () => {
    fc.assert(
      fc.property(choices, (numbers) => {
        const stream = MLX5_FORMAT.generate(chooser(numbers));
        const [a, b] = [
          MLX5_FORMAT.mutations(stream, chooser(numbers)),
          MLX5_FORMAT.mutations(stream, chooser(numbers)),
        ];
        expect(Buffer.compare(a, b)).toBe(0);
      }),
    );
  });

  test('of a stream without a record cut or lengthen it', () => {
    for (let i = 0; i < 10; i++) {
      const { what } = MLX5_FORMAT.mutate(new Uint8Array(5), chooser([i, 1, 2]));
      expect(['truncate', 'extend']).toContain(what);
    }
  });
});

describe('safeguards', () => {
  const header = (size: bigint, flags: number, tag: number): Uint8Array => {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigUint64(0, size, true);
    view.setUint32(8, flags, true);
    view.setUint32(12, tag, true);
    return new Uint8Array(view.buffer);
  };

  test('the first that fails answers', () => {
    expect(decode(header(0x1_0000_0000n, 0, 9)).result).toBe(-ERRNO.ENOMEM);
    expect(decode(header(0xffff_ffffn, 0, 9)).result).toBe(-ERRNO.EOPNOTSUPP);
    expect(decode(header(0xffff_ffffn, 1, 9)).result).toBe(0);
    expect(decode(header(7n, 1, 1)).result).toBe(-ERRNO.EINVAL);
  });

  test('can be switched off one at a time, and come back', () => {
    withoutSafeguard(SAFEGUARDS.KNOWN_TAG as never, () => expect(decode(header(8n, 0, 9)).result).toBe(0));
    expect(decode(header(8n, 0, 9)).result).toBe(-ERRNO.EOPNOTSUPP);
    const short = join([header(1n, 1, 1), new Uint8Array([0x55])]);
    // Switched off, the number is read from what the header left behind: what the check is there for.
    withoutSafeguard(SAFEGUARDS.STOP_COPY_SIZE_COMPLETE as never, () => expect(decode(short).sizes).toEqual([0x55n]));
    expect(decode(short).result).toBe(-ERRNO.EINVAL);
  });

  test('a corrected value is not refused', () => {
    const huge = MLX5_FORMAT.fieldRecord('STOP_COPY_SIZE', { stop_copy_size: 0xffff_ffff_ffffn });
    expect(decode(huge)).toMatchObject({ result: 0, sizes: [0xffff_ffffn] });
    withoutSafeguard(SAFEGUARDS.STOP_COPY_SIZE_LIMIT as never, () =>
      expect(decode(huge).sizes).toEqual([0xffff_ffff_ffffn]),
    );
  });
});

test('a record of no bytes waits for the byte behind it', () => {
  const empty = MLX5_FORMAT.record('FW_DATA', new Uint8Array(0));
  expect(decode(empty).images).toHaveLength(0);
  expect(decode(join([empty, new Uint8Array(1)])).images).toHaveLength(1);
});

test('the documentation has a row for every field and every payload', () => {
  expect(MLX5_FORMAT.rows.map(({ part, offset, name }) => [part, offset, name])).toEqual([
    ['header', 0, 'record_size'],
    ['header', 8, 'flags'],
    ['header', 12, 'tag'],
    ['STOP_COPY_SIZE', 0, 'stop_copy_size'],
    ['FW_DATA', undefined, 'payload'],
  ]);
});

test('boundary values stay within the field', () => {
  for (const [type, bits] of [
    ['u8', 8n],
    ['u16', 16n],
    ['u32', 32n],
    ['u64', 64n],
  ] as const) {
    const field = {
      offset: 0,
      type,
      meaning: '',
      producer: '',
      userVisible: false as const,
      constraint: '',
      values: [3],
    };
    const values = boundaryValues(field);
    for (const value of [0n, 2n, 3n, 4n, (1n << bits) - 1n]) expect(values).toContain(value);
    for (const value of values) expect(value >= 0n && value < 1n << bits).toBe(true);
  }
});
