/** What the compiler must refuse: acting on a user's value that was not checked. */
import { expectTypeOf } from 'vitest';
import { kernel, opaque, userDerived } from '../../src/variant/argument.ts';
import { defineParent, type Parent, returns } from '../../src/variant/interaction.ts';
import { defineSafeguards } from '../../src/variant/safeguard.ts';
import { fromUser, passes, type Untrusted } from '../../src/variant/untrusted.ts';
import type { MLX5_FORMAT } from '../../variants/mlx5/index.ts';

const GUARDS = defineSafeguards('test', {
  SMALL: { checks: 'below 10', errno: 'EINVAL', holds: (value: number) => value < 10 },
  BELOW: { checks: 'below a limit', errno: 'ERANGE', holds: (value: number, limit: number) => value < limit },
});

const PARENT = defineParent({
  name: 'test',
  driver: 'test',
  summary: '',
  identity: '',
  interactions: {
    act: {
      summary: '',
      arguments: {
        vf: kernel<number>('u16', ''),
        size: userDerived<number>('u32', '', [GUARDS.SMALL]),
        image: opaque<Uint8Array>('bytes', '', 'the device'),
      },
      returns: returns<number>(''),
      scope: ['this VF'],
      errors: [],
      reference: '',
    },
  },
});

declare const parent: Parent<(typeof PARENT)['interactions']>;
declare const size: Untrusted<number>;
declare const image: Untrusted<Uint8Array>;
declare const plain: Uint8Array;

/** Never called: it is compiled. */
export function compiled(): void {
  expectTypeOf(fromUser(1)).toEqualTypeOf<Untrusted<number>>();
  // @ts-expect-error: not assignable to what it holds
  const leaked: number = size;
  // @ts-expect-error: no arithmetic
  const sum = size + 1;
  // @ts-expect-error: no comparison
  const compared = size < 10;
  // @ts-expect-error: no indexing of bytes
  const byte = image[0];
  // @ts-expect-error: nothing becomes untrusted by accident
  const tainted: Untrusted<number> = 1;

  // @ts-expect-error: an unchecked number is no user-derived argument
  parent.call('act', { vf: 1, size, image });
  // @ts-expect-error: nor a kernel argument
  parent.call('act', { vf: size, size: 1, image });
  // @ts-expect-error: an opaque argument takes untrusted bytes only
  parent.call('act', { vf: 1, size: 1, image: plain });
  // @ts-expect-error: the check needs what it compares with
  passes(size, GUARDS.BELOW);
  // @ts-expect-error: there is no such interaction
  parent.call('destroy', {});

  if (passes(size, GUARDS.SMALL)) {
    expectTypeOf(size).toExtend<number>();
    parent.call('act', { vf: 1, size, image });
  }
  if (passes(size, GUARDS.BELOW, 5)) expectTypeOf(size).toExtend<number>();
  void [leaked, sum, compared, byte, tainted];
}

/** A field without a safeguard stays untrusted, one with a safeguard does not. */
export function decoded(format: typeof MLX5_FORMAT): void {
  format.decoder({
    STOP_COPY_SIZE: {
      end(fields, header) {
        expectTypeOf(fields.stop_copy_size).toEqualTypeOf<bigint>();
        expectTypeOf(header.record_size).toEqualTypeOf<bigint>();
        expectTypeOf(header.tag).toEqualTypeOf<Untrusted<number>>();
        return 0;
      },
    },
    FW_DATA: {
      begin: () => 0,
      data(bytes) {
        expectTypeOf(bytes).toEqualTypeOf<Untrusted<Uint8Array>>();
        return 0;
      },
      end: () => 0,
    },
  });
}
