import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { join } from '../../src/variant/record-stream.ts';
import { Bench, type OpenVf, readAll, write } from '../../test/variant/mlx5-bench.ts';
import { MLX5_FORMAT } from './format.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING } = MIG_STATE;
const SCRATCH = 0x20;
const [ENODEV, ENOMEM, EINVAL, EFAULT, EOPNOTSUPP] = [-19, -12, -22, -14, -95];

/** A header with any values. */
function header(size: bigint, flags: number, tag: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, size, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, tag, true);
  return new Uint8Array(view.buffer);
}

/** A stream of a device with 0x1234 in its scratch register, and a second device that is resuming. */
function bench(): { bench: Bench; stream: Uint8Array; user: OpenVf; fd: number } {
  const made = new Bench();
  const source = made.open(0);
  source.device.write(0, SCRATCH, 4, 0x1234);
  const stream = readAll(source, source.device.setState(STOP_COPY).dataFd).bytes;
  const user = made.open(1);
  const fd = user.device.setState(RESUMING).dataFd;
  made.forget();
  return { bench: made, stream, user, fd };
}

test('a stream loads however it is cut into writes', () => {
  const { stream } = bench();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 }), (cuts) => {
      const { bench: made, user, fd } = bench();
      let at = 0;
      for (let i = 0; at < stream.length; i++) {
        const part = stream.subarray(at, at + cuts[i % cuts.length]!);
        expect(write(user, fd, part)).toBe(part.length);
        at += part.length;
      }
      expect(made.names.filter((name) => name === 'load')).toHaveLength(1);
      expect(user.device.setState(RUNNING).result).toBe(0);
      expect(user.device.read(0, SCRATCH, 4)).toBe(0x1234);
    }),
    { numRuns: 30 },
  );
});

test('an image is loaded by the write that completes it, not before and not later', () => {
  const { bench: made, stream, user, fd } = bench();
  write(user, fd, stream.subarray(0, stream.length - 1));
  expect(made.names).toEqual([]);
  write(user, fd, stream.subarray(stream.length - 1));
  expect(made.names).toEqual(['createMkey', 'load']);
});

describe('refused headers', () => {
  test.each([
    ['a record longer than 2^32 - 1', header(0x1_0000_0000n, 0, 0), ENOMEM],
    ['a record of 2^64 - 1', header(0xffff_ffff_ffff_ffffn, 1, 7), ENOMEM],
    ['an unknown mandatory tag', header(8n, 0, 2), EOPNOTSUPP],
    ['an unknown mandatory tag with other flags', header(8n, 0xffff_fffe, 2), EOPNOTSUPP],
    ['a STOP_COPY_SIZE without room for its number', header(7n, 1, 1), EINVAL],
  ])('%s', (_what, bytes, errno) => {
    const { bench: made, stream, user, fd } = bench();
    expect(write(user, fd, bytes.subarray(0, 15))).toBe(15);
    expect(write(user, fd, bytes.subarray(15))).toBe(errno);
    expect(write(user, fd, stream)).toBe(ENODEV);
    expect(made.names).toEqual([]);
    expect(user.device.setState(STOP).result).toBe(0);
    expect(made.card.resources()).toMatchObject({ pd: 1 });
  });
});

describe('accepted headers', () => {
  test('the longest record, of which nothing follows', () => {
    const { user, fd, bench: made } = bench();
    expect(write(user, fd, header(0xffff_ffffn, 0, 0))).toBe(16);
    expect(user.device.setState(RUNNING).result).toBe(0);
    expect(made.names).toEqual(['deallocPd', 'resume 0', 'resume 1']);
  });

  test('unknown optional records are skipped', () => {
    const { stream, user, fd } = bench();
    const { records } = MLX5_FORMAT.split(stream);
    const skipped = join([header(100n, 1, 9), new Uint8Array(100)]);
    const longer = join([skipped, header(0n, 1, 9), records[0]!, skipped, records[1]!, skipped]);
    expect(write(user, fd, longer)).toBe(longer.length);
    expect(user.device.setState(RUNNING).result).toBe(0);
    expect(user.device.read(0, SCRATCH, 4)).toBe(0x1234);
  });

  test('an announced size beyond 2^32 - 1 counts as that', () => {
    const { stream, user, fd } = bench();
    const { records } = MLX5_FORMAT.split(stream);
    const huge = MLX5_FORMAT.fieldRecord('STOP_COPY_SIZE', { stop_copy_size: 2n ** 64n - 1n });
    expect(write(user, fd, join([huge, records[1]!]))).toBe(24 + records[1]!.length);
    expect(user.device.setState(RUNNING).result).toBe(0);
    expect(user.device.read(0, SCRATCH, 4)).toBe(0x1234);
  });

  test('an image of no bytes takes effect with the byte behind it', () => {
    const none = bench();
    expect(write(none.user, none.fd, header(0n, 0, 0))).toBe(16);
    expect(write(none.user, none.fd, new Uint8Array(1))).toBe(EINVAL);
    expect(write(none.user, none.fd, new Uint8Array(1))).toBe(ENODEV);
    expect(none.bench.names).toEqual([]);
    const after = bench();
    expect(write(after.user, after.fd, after.stream)).toBe(after.stream.length);
    expect(write(after.user, after.fd, header(0n, 0, 0))).toBe(16);
    expect(write(after.user, after.fd, new Uint8Array(1))).toBe(EINVAL);
    expect(after.bench.calls.at(-1)).toMatchObject({ interaction: 'load', args: { size: 0 } });
  });
});

describe('a stream that is not whole', () => {
  test('leaves resuming all the same, and what it lacked is dropped', () => {
    const { stream } = bench();
    for (const length of [0, 1, 15, 16, 23, 24, 30, 40, stream.length - 1]) {
      const { bench: made, user, fd } = bench();
      expect(write(user, fd, stream.subarray(0, length))).toBe(length);
      expect(user.device.setState(RUNNING).result).toBe(0);
      expect(user.device.read(0, SCRATCH, 4)).toBe(0);
      expect(write(user, fd, stream)).toBe(ENODEV);
      expect(made.card.resources()).toMatchObject({ pd: 1, mkey: 2 });
    }
  });
});

test('a refused image changes nothing, and ends the use of the file', () => {
  const { bench: made, stream, user, fd } = bench();
  const bad = stream.slice();
  bad[bad.length - 1]! ^= 1;
  user.device.setState(RUNNING);
  user.device.write(0, SCRATCH, 4, 99);
  const again = user.device.setState(RESUMING).dataFd;
  expect(write(user, again, bad)).toBe(EINVAL);
  expect(write(user, again, stream)).toBe(ENODEV);
  expect(user.device.setState(RUNNING).result).toBe(0);
  expect(user.device.read(0, SCRATCH, 4)).toBe(99);
  expect(made.card.illegal).toEqual([]);
  expect(write(user, fd, stream)).toBe(ENODEV);
});

test('memory that cannot be read ends the use of the file; what came before has been taken', () => {
  const { bench: made, stream, user, fd } = bench();
  const end = user.buffer + 0x10_0000;
  const start = end - stream.length;
  user.process.memory.write(start, stream);
  expect(user.process.write(fd, start, stream.length + 10)).toBe(EFAULT);
  expect(made.names).toEqual(['createMkey', 'load']);
  expect(write(user, fd, stream)).toBe(ENODEV);
});

test('a write of nothing, a read, a position and a command', () => {
  const { user, fd } = bench();
  expect(user.process.write(fd, 0, 0)).toBe(0);
  expect(user.process.read(fd, user.buffer, 1)).toBe(-9);
  expect(user.process.pwrite(fd, user.buffer, 1, 0)).toBe(-29);
  expect(user.process.ioctl(fd, 0x3b79, user.buffer)).toBe(-25);
  expect(user.process.poll(fd)).toBe(5);
});

test('pages that cannot be added to a buffer are given back', () => {
  const { bench: made, stream, user, fd } = bench();
  const { extents } = made.machine.hardware.memory;
  const before = extents.items.length;
  const { loader } = user.vf.resuming!;
  const prepare = Object.getPrototypeOf(loader.buffer) as { append(run: unknown): number };
  const { append } = prepare;
  prepare.append = () => ENOMEM;
  expect(write(user, fd, stream)).toBe(ENOMEM);
  prepare.append = append;
  expect(user.device.setState(RUNNING).result).toBe(0);
  expect(extents.items.length).toBe(before);
});
