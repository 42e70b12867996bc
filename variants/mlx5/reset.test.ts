import { expect, test } from 'vitest';
import { FEATURE, FEATURE_FLAG, MIG_STATE, VFIO } from '../../src/uapi/vfio.ts';
import { Bench, type OpenVf, read, readAll, write } from '../../test/variant/mlx5-bench.ts';
import type { Mlx5Core } from './index.ts';

const { ERROR, STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY } = MIG_STATE;
const [ENODEV, EINVAL, ENOTCONN] = [-19, -22, -107];
const NOTHING = { pd: 0, mkey: 0, savesTracked: 0 };

/** Starts a call in a thread of its own and runs it until it sleeps. */
function begin(bench: Bench, call: number | Generator): { readonly result: unknown; readonly done: boolean } {
  const { scheduler } = bench.machine.kernel;
  const thread = scheduler.spawn('user', call as never);
  while ((thread as unknown as { state: string }).state === 'runnable') scheduler.step();
  return thread;
}

function reading(user: OpenVf, fd: number): Generator {
  return user.process.readCall(fd, user.buffer, 0x1000, undefined) as Generator;
}

// covers: RS03
test('a reset ends every session and leaves a running device', () => {
  for (const state of [PRE_COPY, STOP_COPY, RESUMING, STOP]) {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(state);
    bench.settle();
    expect(user.device.reset()).toBe(0);
    expect(user.device.getState().state).toBe(RUNNING);
    if (dataFd >= 0)
      expect(state === RESUMING ? write(user, dataFd, new Uint8Array(1)) : read(user, dataFd)).toBe(ENODEV);
    bench.settle();
    expect(bench.card.resources()).toMatchObject(NOTHING);
    expect(bench.card.illegal).toEqual([]);
    expect(user.device.setState(STOP_COPY).result).toBe(0);
  }
});

test('a reset while a save is in flight waits for it', () => {
  const bench = new Bench();
  const user = bench.open(0);
  const { dataFd } = user.device.setState(PRE_COPY);
  expect(user.device.reset()).toBe(0);
  expect(user.device.getState().state).toBe(RUNNING);
  bench.settle();
  expect(read(user, dataFd)).toBe(ENODEV);
  expect(bench.card.resources()).toMatchObject(NOTHING);
});

test('a reader that sleeps is woken by a reset, a change of state, and a close', () => {
  for (const end of [
    (user: OpenVf) => user.device.reset(),
    (user: OpenVf) => user.device.setState(STOP).result,
    (user: OpenVf) => user.device.close(),
  ]) {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    read(user, dataFd, 24);
    const reader = begin(bench, reading(user, dataFd));
    expect(reader.done).toBe(false);
    end(user);
    bench.settle();
    expect(reader.done).toBe(true);
  }
});

// covers: MG08
test('only a reset leads out of ERROR', () => {
  const bench = new Bench();
  const user = bench.open(0);
  user.vf.state = ERROR;
  for (const state of [STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY]) {
    expect(user.device.setState(state)).toMatchObject({ result: EINVAL, dataFd: -1 });
    expect(user.device.getState().state).toBe(ERROR);
  }
  expect(user.device.reset()).toBe(0);
  expect(user.device.getState().state).toBe(RUNNING);
  expect(user.device.setState(STOP_COPY).result).toBe(0);
});

// covers: MG13
test('a reset that comes while a change of state sleeps: the call ends well, its file is dead, the device runs', () => {
  const bench = new Bench();
  const user = bench.open(0);
  // The save of pre-copy is under way, and whoever leaves pre-copy waits for it.
  expect(user.device.setState(PRE_COPY).result).toBe(0);
  const request = Buffer.alloc(16);
  request.writeUInt32LE(16, 0);
  request.writeUInt32LE(FEATURE.MIG_DEVICE_STATE | FEATURE_FLAG.SET, 4);
  request.writeUInt32LE(RESUMING, 8);
  user.process.memory.write(user.buffer, request);
  const change = begin(
    bench,
    user.process.ioctlCall(user.device.fd, VFIO.DEVICE_FEATURE, user.buffer) as number | Generator,
  );
  expect([change.done, user.vf.stateMutex.locked]).toEqual([false, true]);
  user.pdev.driver!.resetDone!(user.pdev);
  expect(user.vf.deferredReset).toBe(true);
  bench.settle();
  const answer = Buffer.from(user.process.memory.read(user.buffer, 16)!);
  expect([change.result, answer.readUInt32LE(8)]).toEqual([0, RESUMING]);
  const dataFd = answer.readInt32LE(12);
  expect(dataFd).toBeGreaterThan(2);
  expect(write(user, dataFd, new Uint8Array(16))).toBe(ENODEV);
  expect([user.device.getState().state, user.vf.deferredReset, user.vf.stateMutex.locked]).toEqual([
    RUNNING,
    false,
    false,
  ]);
  expect(bench.card.resources()).toMatchObject(NOTHING);
});

// covers: MG13
test('a reset during a change of state is carried out by whoever holds the mutex', () => {
  const bench = new Bench();
  const user = bench.open(0);
  bench.run(user.vf.stateMutex.lock());
  user.pdev.driver!.resetDone!(user.pdev);

  user.vf.state = STOP;
  expect(user.vf.deferredReset).toBe(true);
  bench.run(user.vf.unlock());
  expect(user.vf.state).toBe(RUNNING);
  expect(user.vf.stateMutex.locked).toBe(false);
});

// covers: MG04
test('the last close ends sessions and tracking; the file outlives the device', () => {
  for (const state of [PRE_COPY, STOP_COPY, RESUMING]) {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(state);
    user.device.startLogging(0, 0x10000);
    expect(user.device.close()).toBe(0);
    bench.settle();
    expect(state === RESUMING ? write(user, dataFd, new Uint8Array(1)) : read(user, dataFd)).toBe(ENODEV);
    expect(bench.card.resources()).toMatchObject({ ...NOTHING, tracker: 0, qp: 0, cq: 0 });
    expect(bench.card.illegal).toEqual([]);
    expect(user.process.close(dataFd)).toBe(0);
  }
});

test('a VF that its PF takes out of service answers ENOTCONN until it is back', () => {
  const bench = new Bench();
  const user = bench.open(0);
  const core = bench.pf.driverData as Mlx5Core;
  const { dataFd } = user.device.setState(PRE_COPY);
  user.device.startLogging(0, 0x10000);
  bench.settle();
  bench.run(core.detachVfs());
  expect(read(user, dataFd)).toBe(ENODEV);
  expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0, tracker: 0, qp: 0, cq: 0 });
  bench.forget();
  expect(user.device.setState(RUNNING).result).toBe(ENOTCONN);
  expect(user.device.setState(STOP_COPY).result).toBe(ENOTCONN);
  expect(user.device.dataSize()).toBe(ENOTCONN);
  expect(user.device.startLogging(0, 0x10000)).toBe(ENOTCONN);
  expect(bench.names).toEqual([]);
  bench.run(core.attachVfs());
  expect(user.device.setState(RUNNING).result).toBe(0);
  expect(readAll(user, user.device.setState(STOP_COPY).dataFd).last).toBe(0);
});

test('removing the PF’s VFs waits for their users, and leaves nothing behind', () => {
  const bench = new Bench();
  const user = bench.open(0);
  user.device.setState(STOP_COPY);
  const gone = begin(bench, bench.pf.driver!.sriovConfigure!(bench.pf, 0) as Generator);
  expect(gone.done).toBe(false);
  user.device.close();
  bench.settle();
  expect(gone.result).toBe(0);
  expect(bench.card.resources()).toMatchObject(NOTHING);
  expect(bench.card.illegal).toEqual([]);
});
