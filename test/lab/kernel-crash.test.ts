/** What an exception means, and what becomes of work that never ends. */
import { describe, expect, test } from 'vitest';
import { HangError } from '../../sim/hang.ts';
import { Oops } from '../../sim/oops.ts';
import { kernelCrash } from '../../src/lab/kernel-crash.ts';
import { within } from '../../src/lab/watchdog.ts';

const root = new URL('../..', import.meta.url);
const thrownIn = (kind: new (message: string) => Error, place: string): Error => {
  const error = new kind('it broke');
  error.stack = `${error.name}: it broke\n    at f (${place}:1:2)\n    at g (${new URL('src/lab/x.ts', root).href}:3:4)`;
  return error;
};

describe('an exception is a crash of the kernel', () => {
  test.each(['src/vfio/group.ts', 'src/pci-core/x.js', 'variants/mlx5/driver.ts'])('from %s', (place) => {
    expect(kernelCrash(thrownIn(TypeError, new URL(place, root).href))).toBe(
      `it broke (${place.replace('.js', '.ts')})`,
    );
  });
  test('from a variant that lives in another package, by its whole name', () => {
    expect(kernelCrash(thrownIn(RangeError, 'file:///home/author/driver.js'))).toContain(
      'file:///home/author/driver.js',
    );
  });
  test('where the kernel said so itself', () => {
    expect(kernelCrash(new Oops('group->iommufd is followed and was never set'))).toContain('group->iommufd');
  });
});

describe('an exception is a fault of the emulator', () => {
  test.each(['sim/memory.ts', 'src/lab/world.ts', 'src/client/device.ts'])('from %s', (place) => {
    expect(kernelCrash(thrownIn(TypeError, new URL(place, root).href))).toBeUndefined();
  });
  test('of any other kind, wherever it comes from', () => {
    expect(kernelCrash(thrownIn(Error, new URL('src/vfio/group.ts', root).href))).toBeUndefined();
    expect(kernelCrash('text')).toBeUndefined();
  });
});

describe('work under the watchdog', () => {
  test('is interrupted when it never ends', () => {
    expect(() =>
      within(30, () => {
        for (;;);
      }),
    ).toThrow(HangError);
  });
  test('ends as it would without', () => {
    let done = 0;
    within(1000, () => {
      done = 7;
    });
    expect(done).toBe(7);
    const own = new Oops('mine');
    expect(() =>
      within(1000, () => {
        throw own;
      }),
    ).toThrow(own);
  });
});
