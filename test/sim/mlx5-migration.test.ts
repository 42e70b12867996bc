import { describe, expect, it } from 'vitest';
import { CHUNK, MIGRATION_STATE } from '../../sim/devices/mlx5/commands/save-vhca.ts';
import { IMAGE, IMAGE_FLAG } from '../../sim/devices/mlx5/image.ts';
import { JOB_OP } from '../../sim/devices/mlx5/job.ts';
import { Q, VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import { Guest } from './mlx5-guest.ts';
import { Rig } from './mlx5-rig.ts';

/** Everything of the VF a guest can see: registers, and the first page of each 4 KiB of the ICM window. */
function visible(guest: Guest): number[] {
  const seen: number[] = [];
  for (let at = 0; at < 0x200; at += 4) seen.push(guest.reg(at));
  for (let at = 0; at < 0x1_0000; at += 0x400) seen.push(guest.icm(at));
  return seen;
}

describe('migration of a VF', () => {
  it('continues on another VF where it stopped, jobs, numbers and secrets included', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    source.start();
    source.setReg(VF_REG.SCRATCH, 0xcafe);
    source.setIcm(0x5000, 0x1234);
    source.poke(0x8000, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]));
    source.job(JOB_OP.COPY, 0x8000, 0x9000, 8);
    source.job(JOB_OP.STORE, 0x8000, 0xa100, 8);
    source.job(JOB_OP.READ_CHECKSUM, 0x8000, 0xa000, 8);
    const checksum = source.peek(0xa000, 8);
    rig.suspend(0, 0);
    source.fill(0xb000, 16, 0x7777);
    rig.suspend(0, 1);
    const { status, image } = rig.save(0);
    expect(status).toBe(0);

    rig.stop(1);
    expect(rig.load(1, image).status).toBe(0);
    const before = visible(source);
    const target = source.moveTo(rig.vf(1));
    expect(visible(target)).toEqual(before);
    expect(rig.save(1).image).toEqual(image);
    rig.run(1);
    rig.hardware.scheduler.settle();

    expect(target.peek(0xb000, 4)).toEqual(new Uint8Array([0x77, 0x77, 0, 0]));
    expect(target.completion(3)).toEqual({ cookie: 3, status: 0, sequence: 3 });
    expect(target.job(JOB_OP.READ_CHECKSUM, 0x8000, 0xc000, 8).sequence).toBe(4);
    expect(target.peek(0xc000, 8)).toEqual(checksum);
    expect(target.job(JOB_OP.LOAD, 0xa100, 0xd000, 8).status).toBe(0);
    expect(target.peek(0xd000, 8)).toEqual(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(target.interrupts).toEqual([1, 1, 1]);
    expect(rig.model.illegal).toEqual([]);
  });

  it('arrives whole through a full image and increments taken while jobs run', () => {
    const rig = new Rig({ saveDelay: 500 });
    const source = new Guest(rig, rig.vf(0));
    source.start();
    for (let page = 0; page < 8; page++) source.setIcm(page * 0x1000, 0x100 + page);
    const images: Uint8Array[] = [];
    images.push(rig.save(0, { track: true }).image);
    expect(rig.query(0, true)).toMatchObject({ status: 0, state: MIGRATION_STATE.READY, required: 0 });
    source.setIcm(0x3004, 0xdd);
    source.poke(0x8000, new Uint8Array(64).fill(9));
    source.post(JOB_OP.STORE, 0x8000, 0xf000, 64);
    images.push(rig.save(0, { incremental: true, track: true }).image);
    source.setIcm(0x2000, 0);
    rig.suspend(0, 0);
    images.push(rig.save(0, { incremental: true, track: true }).image);
    source.setIcm(0x1000, 0x99);
    rig.suspend(0, 1);
    const { required } = rig.query(0, true);
    images.push(rig.save(0, { incremental: true, size: required }).image);
    expect(images.at(-1)!.length).toBe(required);
    expect(images[1]!.length).toBeLessThan(images[0]!.length);
    expect(rig.model.resources().savesTracked).toBe(0);

    rig.stop(1);
    for (const image of images) expect(rig.load(1, image).status).toBe(0);
    const before = visible(source);
    expect(visible(source.moveTo(rig.vf(1)))).toEqual(before);
    expect(rig.save(1).image).toEqual(rig.save(0).image);
    expect(rig.model.illegal).toEqual([]);
  });

  it('is cut into parts where the buffers are small, and the device changes only with the last', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    for (let page = 0; page < 12; page++) source.setIcm(page * 0x1000, 0x100 + page);
    rig.stop(0);
    const { required, total } = rig.query(0, false, CHUNK);
    expect(required).toBeLessThan(total);
    const parts = [rig.save(0, { size: required })];
    while (parts.at(-1)!.next !== 0) parts.push(rig.save(0, { incremental: true, size: parts.at(-1)!.next }));
    expect(parts.length).toBeGreaterThan(2);
    rig.stop(1);
    const target = new Guest(rig, rig.vf(1));
    for (const part of parts.slice(0, -1)) expect(rig.load(1, part.image).status).toBe(0);
    expect(target.icm(0)).toBe(0);
    expect(rig.load(1, parts.at(-1)!.image).status).toBe(0);
    expect(visible(target)).toEqual(visible(source));
    expect(rig.model.illegal).toEqual([]);
  });

  it('leaves nothing of what the target was before', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    source.setIcm(0x1000, 1);
    const target = new Guest(rig, rig.vf(1));
    target.start();
    target.setIcm(0x4000, 0xbad);
    target.setReg(VF_REG.SCRATCH, 0xbad);
    rig.stop(0);
    rig.stop(1);
    expect(rig.load(1, rig.save(0).image).status).toBe(0);
    expect(visible(target)).toEqual(visible(source));
    expect(rig.save(1).image).toEqual(rig.save(0).image);
  });

  it('forgets an image whose last parts never come', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    for (let page = 0; page < 12; page++) source.setIcm(page * 0x1000, 1);
    rig.stop(0);
    const first = rig.save(0, { size: rig.query(0, false, CHUNK).required });
    const second = rig.save(0, { incremental: true, size: 0x2_0000 });
    rig.stop(1);
    expect(rig.load(1, first.image).status).toBe(0);
    rig.run(1);
    rig.stop(1);
    expect(rig.load(1, second.image).status).toBe(3);
    expect(new Guest(rig, rig.vf(1)).icm(0)).toBe(0);
  });

  it('saves what fits while running and the rest with the next increment', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    for (let page = 0; page < 8; page++) source.setIcm(page * 0x1000, 0x100 + page);
    const first = rig.save(0, { track: true, size: 0x4000 });
    expect(first).toMatchObject({ status: 0, next: 0 });
    rig.stop(0);
    const last = rig.save(0, { incremental: true });
    rig.stop(1);
    expect(rig.load(1, first.image).status).toBe(0);
    expect(rig.load(1, last.image).status).toBe(0);
    expect(visible(new Guest(rig, rig.vf(1)))).toEqual(visible(source));
  });

  it('tells when queues were set up again: the initial data is due once more', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    expect(rig.query(0).state).toBe(MIGRATION_STATE.IDLE);
    rig.save(0, { track: true });
    guest.setIcm(0, 1);
    expect(rig.query(0, true).state).toBe(MIGRATION_STATE.DIRTY);
    guest.start();
    expect(rig.query(0, true).state).toBe(MIGRATION_STATE.INIT);
  });

  it('gives tracking back when pre-copy is abandoned, with an image nobody can load', () => {
    const rig = new Rig();
    rig.save(0, { track: true });
    expect(rig.model.resources().savesTracked).toBe(1);
    const { status, image } = rig.save(0, {});
    expect(status).toBe(0);
    expect(new DataView(image.buffer).getUint16(IMAGE.FLAGS)).toBe(IMAGE_FLAG.ABANDONED);
    expect(rig.model.resourcesOf(0).savesTracked).toBe(0);
    rig.stop(1);
    expect(rig.load(1, image).status).toBe(3);
    expect(rig.model.illegal).toEqual([]);
  });

  it('runs out of tracking contexts when a driver forgets to give them back, for every VF', () => {
    const rig = new Rig({ limits: { savesTracked: 2 } });
    rig.save(0, { track: true });
    rig.save(0, { track: true });
    expect(rig.model.resources().savesTracked).toBe(2);
    expect(rig.save(1, { track: true }).status).toBe(0x0f);
  });

  // covers: MG14
  it('keeps doorbells that come while only the initiator is suspended, and drops writes once all is', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    rig.stop(0);
    const before = visible(guest);
    guest.setReg(VF_REG.SCRATCH, 5);
    guest.setIcm(0, 5);
    guest.fill(0x8000, 4, 1);
    expect(visible(guest)).toEqual(before);
    rig.run(0);
    rig.hardware.scheduler.settle();
    expect(guest.queueReg(0, Q.CONSUMER)).toBe(0);
  });
});
