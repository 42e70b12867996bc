import { describe, expect, it } from 'vitest';
import { CMD_OP } from '../../sim/devices/mlx5/commands/opcodes.ts';
import { EVENT, ISEG } from '../../sim/devices/mlx5/init-segment.ts';
import { JOB_OP } from '../../sim/devices/mlx5/job.ts';
import { TRACKER_STATE } from '../../sim/devices/mlx5/page-tracker.ts';
import { STATUS } from '../../sim/devices/mlx5/status.ts';
import { CQ_AT, Guest, RAM, UNMAPPED } from './mlx5-guest.ts';
import { Rig, swap } from './mlx5-rig.ts';
import { Tracking } from './mlx5-tracker-rig.ts';

const CQ_PAGE = CQ_AT;

describe('the page tracker', () => {
  it('reports exactly the pages its VF wrote, once', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig);
    const [mine, other] = [new Guest(rig, rig.vf(0)), new Guest(rig, rig.vf(1))];
    mine.start();
    other.start();
    const tracker = tracking.track(0, [[0, RAM]]);
    expect(tracking.report(tracker, 0, RAM)).toEqual([]);
    mine.job(JOB_OP.FILL, 1, 0x8ff0, 0x1020);
    mine.job(JOB_OP.COPY, 0x20000, 0x15000, 1);
    mine.job(JOB_OP.STORE, 0x30000, 0, 0x1000);
    other.job(JOB_OP.FILL, 1, 0x40000, 0x1000);
    expect(tracking.report(tracker, 0, RAM)).toEqual([CQ_PAGE, 0x8000, 0x9000, 0xa000, 0x15000]);
    expect(tracking.report(tracker, 0, RAM)).toEqual([]);
    expect(rig.model.illegal).toEqual([]);
  });

  it('reports only the range asked for, and keeps the rest for later', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig);
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    const tracker = tracking.track(0, [
      [0, 0x10000],
      [0x20000, 0x10000],
    ]);
    guest.job(JOB_OP.FILL, 1, 0xf000, 0x8000);
    guest.job(JOB_OP.FILL, 1, 0x1f800, 0x1000);
    expect(tracking.report(tracker, 0x20000, 0x1000)).toEqual([0x20000]);
    expect(tracking.report(tracker, 0, RAM)).toEqual([CQ_PAGE, 0xf000]);
  });

  it('counts the part of a blocked write that reached memory', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig);
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    const tracker = tracking.track(0, [[0, UNMAPPED]]);
    expect(guest.job(JOB_OP.FILL, 1, RAM - 0x800, 0x2000).status).not.toBe(0);
    expect(tracking.report(tracker, 0, UNMAPPED)).toEqual([CQ_PAGE, RAM - 0x1000]);
  });

  it('sends long reports as several messages and waits for buffers', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig, 1);
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    rig.hardware.fabric.iommu.domainOf(guest.vf.aliasId).map({
      start: 0x100_0000,
      length: 0x100_0000,
      physical: rig.hardware.memory.allocate('guest', 0x100_0000).start,
      read: true,
      write: true,
    });
    const tracker = tracking.track(0, [[0x100_0000, 0x100_0000]]);
    for (let i = 0; i < 75; i++) guest.job(JOB_OP.FILL, i, 0x100_0000 + i * 0x1_0000, 0x1_0000);
    expect(tracking.modify(tracker, 0, 0x1000_0000).status).toBe(0);
    const first = tracking.messages(true);
    expect(first.map(({ state, pages }) => [state, pages.length])).toEqual([[TRACKER_STATE.REPORTING, 512]]);
    expect(tracking.state(tracker)).toBe(TRACKER_STATE.REPORTING);
    expect(tracking.modify(tracker, 0, 1).status).toBe(STATUS.RES_BUSY);
    for (let i = 0; i < 100; i++) rig.hardware.scheduler.step();
    expect(tracking.messages()).toEqual([]);
    tracking.postBuffers(4);
    rig.hardware.scheduler.settle();
    const rest = tracking.messages();
    expect(rest.map(({ state, pages }) => [state, pages.length])).toEqual([
      [TRACKER_STATE.REPORTING, 512],
      [TRACKER_STATE.TRACKING, 75 * 16 - 1024],
    ]);
    expect(tracking.state(tracker)).toBe(TRACKER_STATE.TRACKING);
  });

  it('ends in error, told as an event, when nobody ever gives it a buffer', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig, 0);
    const tracker = tracking.track(0, [[0, RAM]]);
    expect(tracking.modify(tracker, 0, RAM).status).toBe(0);
    rig.hardware.scheduler.settle();
    expect(tracking.state(tracker)).toBe(TRACKER_STATE.ERROR);
    expect(swap(rig.pf.read(0, ISEG.ASYNC_EVENT, 4))).toBe(((EVENT.OBJECT_CHANGE << 24) | tracker) >>> 0);
    expect(rig.pf.read(0, ISEG.ASYNC_EVENT, 4)).toBe(0);
    expect(tracking.modify(tracker, 0, RAM).status).toBe(STATUS.BAD_RES_STATE_ERR);
  });

  it('has one tracker a VHCA, of ranges and queues that make sense', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig);
    expect(tracking.create(0, []).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(tracking.create(0, [[0, 0]]).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(tracking.create(0, [[0, 2 ** 41]]).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(
      tracking.create(
        0,
        Array.from({ length: 9 }, (_, i) => [i * 4096, 4096] as const),
      ).status,
    ).toBe(3);
    expect(tracking.create(0, [[0, RAM]], 11).status).toBe(STATUS.BAD_PARAM_ERR);
    const tracker = tracking.track(0, [[0, RAM]]);
    expect(tracking.create(0, [[0, RAM]]).status).toBe(STATUS.LIM_ERR);
    expect(rig.word(CMD_OP.DESTROY_QP, tracking.sender).status).toBe(STATUS.RES_BUSY);
    expect(rig.model.resources()).toMatchObject({ cq: 1, qp: 2, tracker: 1 });
    expect(tracking.object(CMD_OP.DESTROY_GENERAL_OBJECT, tracker).status).toBe(0);
    expect(tracking.object(CMD_OP.DESTROY_GENERAL_OBJECT, tracker).status).toBe(STATUS.BAD_RES_ERR);
    expect(rig.word(CMD_OP.DESTROY_QP, tracking.sender).status).toBe(0);
  });

  it('outlives a reset of its VF', () => {
    const rig = new Rig();
    const tracking = new Tracking(rig);
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    const tracker = tracking.track(0, [[0, RAM]]);
    guest.job(JOB_OP.FILL, 1, 0x8000, 1);
    guest.vf.reset('flr');
    expect(tracking.report(tracker, 0, RAM)).toEqual([CQ_PAGE, 0x8000]);
  });
});
