/** Calls on the data files that meet others where they copy: there a page fault may let anybody go first. */
import { expect, test } from 'vitest';
import { DIGITS, ordered } from '../../src/lab/schedule.ts';
import { device_feature_mig_state, FEATURE, FEATURE_FLAG, MIG_STATE } from '../../src/uapi/vfio.ts';
import { Bench, type OpenVf, readAll } from '../../test/variant/mlx5-bench.ts';

const { STOP, STOP_COPY, RESUMING } = MIG_STATE;
const ENODEV = -19;
const ORDERS = Array.from({ length: DIGITS ** 2 }, (_, order) => order);

interface Call {
  readonly result: unknown;
}

/** Calls that run beside each other in an order; what each answered. */
function beside(bench: Bench, order: number, calls: Record<string, unknown>): Record<string, unknown> {
  const { scheduler } = bench.machine.kernel;
  ordered(scheduler, order);
  const threads: [string, Call][] = [];
  for (const [name, call] of Object.entries(calls)) threads.push([name, scheduler.spawn(name, call as never)]);
  bench.settle();
  return Object.fromEntries(threads.map(([name, { result }]) => [name, result]));
}

const reading = (user: OpenVf, fd: number, at: number, length: number): unknown =>
  user.process.readCall(fd, user.buffer + at, length, undefined);

const stopping = ({ device }: OpenVf): unknown =>
  device.featureCall(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.SET, device_feature_mig_state.size, (view, at) =>
    view.setUint32(at, STOP, true),
  );

test('two readers of one stream get each byte once, whoever goes first', () => {
  const [source, whole] = [new Bench(), 0x1000];
  const one = source.open(0);
  const { bytes } = readAll(one, one.device.setState(STOP_COPY).dataFd);
  for (const order of ORDERS) {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    bench.settle();
    const first = Math.floor(bytes.length / 2);
    const read = beside(bench, order, {
      a: reading(user, dataFd, 0, first),
      b: reading(user, dataFd, whole, bytes.length),
    }) as { a: number; b: number };
    expect(read.a + read.b).toBe(bytes.length);
    const parts = [
      user.process.memory.read(user.buffer, read.a)!,
      user.process.memory.read(user.buffer + whole, read.b)!,
    ];
    const orders = [Buffer.concat(parts), Buffer.concat(parts.reverse())];
    expect(orders.some((joined) => joined.equals(bytes))).toBe(true);
  }
});

test('a session that ends waits for the reader or writer that is copying, who is done or answered ENODEV', () => {
  const answers = new Set<unknown>();
  for (const order of ORDERS)
    for (const state of [STOP_COPY, RESUMING]) {
      const bench = new Bench();
      const user = bench.open(0);
      const { dataFd } = user.device.setState(state);
      bench.settle();
      const call =
        state === STOP_COPY ? reading(user, dataFd, 0, 64) : user.process.writeCall(dataFd, user.buffer, 8, undefined);
      const { a } = beside(bench, order, { a: call, b: stopping(user) });
      answers.add(a);
      expect([64, 8, ENODEV]).toContain(a);
      expect(bench.card.illegal).toEqual([]);
      expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0 });
    }
  expect(answers).toEqual(new Set([64, 8, ENODEV]));
});
