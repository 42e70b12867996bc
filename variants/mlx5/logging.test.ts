import { expect, test } from 'vitest';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { Bench } from '../../test/variant/mlx5-bench.ts';
import { dataOf, MLX5_LOG_OPS } from './driver.ts';

const [EINVAL, EOPNOTSUPP, EIO, EBUSY] = [-22, -95, -5, -16];

/** A report of sixteen pages of which none is dirty. */
const CLEAN = new Uint8Array(8);

// covers: MG23
test('tracking starts once, reports, and stops', () => {
  const bench = new Bench();
  const user = bench.open(0);
  expect(user.device.reportLogging(0, 0x10000)).toBe(EINVAL);
  expect(user.device.startLogging(0, 0x10000)).toBe(4096);
  expect(bench.card.resources()).toMatchObject({ tracker: 1, cq: 1, qp: 2, pd: 1, mkey: 1 });
  expect(user.device.startLogging(0, 0x10000)).toBe(EINVAL);
  expect(user.device.reportLogging(0, 0x10000)).toEqual(CLEAN);
  expect(user.device.stopLogging()).toBe(0);
  expect(user.device.stopLogging()).toBe(0);
  expect(bench.card.resources()).toMatchObject({ tracker: 0, cq: 0, qp: 0, pd: 0, mkey: 0 });
  expect(bench.card.illegal).toEqual([]);
});

test('the page size is the card’s nearest', () => {
  for (const [asked, used] of [
    [1, 0x1000],
    [0x1000, 0x1000],
    [0x20_0000, 0x20_0000],
    [2 ** 40, 2 ** 30],
  ] as const) {
    const user = new Bench().open(0);
    expect([asked, user.device.startLogging(0, 2 ** 40, asked)]).toEqual([asked, used]);
  }
});

test('an address space the card cannot track is refused, and nothing is left of it', () => {
  const bench = new Bench();
  const user = bench.open(0);
  expect(user.device.startLogging(0, 2 ** 50, 4096)).toBe(EOPNOTSUPP);
  expect(user.device.startLogging(0, 8, 8)).toBe(EOPNOTSUPP);
  expect(bench.card.resources()).toMatchObject({ tracker: 0, cq: 0, qp: 0, pd: 0, mkey: 0 });
});

test('whatever fails on the way, nothing is left', () => {
  for (const opcode of [0x800, 0x400, 0x500, 0x200, 0x502, 0x503, 0x504, 0xa00]) {
    const bench = new Bench({ failNext: (op) => (op === opcode ? 0x06 : undefined) });
    const user = bench.open(0);
    expect([opcode, user.device.startLogging(0, 0x10000)]).toEqual([opcode, EBUSY]);
    expect(bench.card.resources()).toMatchObject({ tracker: 0, cq: 0, qp: 0, pd: 0, mkey: 0 });
  }
});

test('a plain reset does not stop tracking', () => {
  const bench = new Bench();
  const user = bench.open(0);
  user.device.startLogging(0, 0x10000);
  user.device.setState(MIG_STATE.STOP);
  user.device.reset();
  expect(user.device.reportLogging(0, 0x10000)).toEqual(CLEAN);
});

test('a broken tracker answers EIO until it is stopped', () => {
  const user = new Bench().open(0);
  user.device.startLogging(0, 0x10000);
  user.vf.tracker.fail();
  expect(user.device.reportLogging(0, 0x10000)).toBe(EIO);
  expect(user.device.reportLogging(0, 0x10000)).toBe(EIO);
  user.device.stopLogging();
  expect(user.device.startLogging(0, 0x10000)).toBe(4096);
  expect(user.device.reportLogging(0, 0x10000)).toEqual(CLEAN);
});

test('without the ability there is no logging', () => {
  const user = new Bench({ capabilities: { adv_virtualization: false } }).open(0);
  expect(user.device.startLogging(0, 0x10000)).toBe(-25);
});

test('what the device wrote is reported once, in as many messages as it takes', () => {
  for (const reportDelay of [0, 1000]) {
    const bench = new Bench({ reportDelay });
    const user = bench.open(0);
    expect(user.device.startLogging(0, 2 ** 32)).toBe(4096);
    const { tracker } = bench.card.firmware.vhcaByFunction(1)!;
    for (const page of [0, 3, 12, 15]) tracker!.record(page * 4096 + 8, 4);
    tracker!.record(0x100_0000, 20_000 * 4096);
    expect(user.device.reportLogging(0, 0x10000)).toEqual(new Uint8Array([0b1001, 0b1001_0000, 0, 0, 0, 0, 0, 0]));
    expect(user.device.reportLogging(0, 0x10000)).toEqual(CLEAN);
    const many = user.device.reportLogging(0x100_0000, 20_000 * 4096) as Uint8Array;
    expect(many.subarray(0, 2500)).toEqual(new Uint8Array(2500).fill(0xff));
    expect(user.vf.tracker.active).toBe(true);
    expect(bench.card.illegal).toEqual([]);
  }
});

test('a close lets go of a report that waits for the card', () => {
  const bench = new Bench({ reportDelay: 10 ** 15 });
  const user = bench.open(0);
  user.device.startLogging(0, 0x10000);
  const { scheduler } = bench.machine.kernel;
  const dirty = { set: () => {} };
  const report = scheduler.spawn('report', MLX5_LOG_OPS.log_read_and_clear(dataOf(user.pdev), 0n, 0x10000n, dirty));
  while (!user.vf.stateMutex.locked) scheduler.step();
  bench.run(user.vf.close());
  expect(report.result).toBe(EIO);
  expect(user.vf.tracker.active).toBe(false);
});
