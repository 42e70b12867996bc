import { describe, expect, it } from 'vitest';
import { CMD_OP } from '../../sim/devices/mlx5/commands/opcodes.ts';
import { JOB_MAX, JOB_OP } from '../../sim/devices/mlx5/job.ts';
import { JOB_STATUS, Q, QUEUE_STATE, VF_ID, VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import type { DmaEvent } from '../../sim/fabric.ts';
import { Guest, RAM, UNMAPPED } from './mlx5-guest.ts';
import { Rig } from './mlx5-rig.ts';
import { Tracking } from './mlx5-tracker-rig.ts';

const DEVCTL_FLR = 0x8000;

describe('a VF', () => {
  it('does jobs in order, completes each and raises the queue vector', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    expect(guest.reg(VF_REG.ID)).toBe(VF_ID);
    guest.start();
    guest.poke(0x8000, new Uint8Array([1, 2, 3]));
    guest.post(JOB_OP.COPY, 0x8000, 0x9000, 3);
    guest.post(JOB_OP.COPY, 0x9000, 0xa000, 3);
    guest.post(JOB_OP.NOP, 0, 0, 0);
    rig.hardware.scheduler.settle();
    expect(guest.peek(0xa000, 3)).toEqual(new Uint8Array([1, 2, 3]));
    expect([0, 1, 2].map((i) => guest.completion(i))).toEqual(
      [0, 1, 2].map((i) => ({ cookie: i, status: 0, sequence: i })),
    );
    expect(guest.interrupts).toEqual([1, 1, 1]);
    expect([guest.reg(VF_REG.COMPLETIONS_LO), guest.reg(VF_REG.BYTES_LO)]).toEqual([3, 6]);
  });

  it('stops a queue at the first job that fails, and says why', () => {
    const failures: [string, number, (guest: Guest) => void][] = [
      ['source', JOB_STATUS.DMA, (g) => g.post(JOB_OP.COPY, UNMAPPED, 0x8000, 8)],
      ['destination', JOB_STATUS.DMA, (g) => g.post(JOB_OP.COPY, 0x8000, UNMAPPED, 8)],
      ['beyond 2^53', JOB_STATUS.DMA, (g) => g.post(JOB_OP.COPY, 2 ** 60, 0x8000, 8)],
      ['opcode', JOB_STATUS.BAD_JOB, (g) => g.post(99, 0, 0, 0)],
      ['length', JOB_STATUS.BAD_JOB, (g) => g.post(JOB_OP.FILL, 0, 0x8000, JOB_MAX + 1)],
      ['device memory', JOB_STATUS.BAD_JOB, (g) => g.post(JOB_OP.STORE, 0x8000, 0xffff, 2)],
    ];
    for (const [name, code, post] of failures) {
      const rig = new Rig();
      const guest = new Guest(rig, rig.vf(0));
      guest.start();
      post(guest);
      guest.fill(0x8000, 1, 0xff);
      rig.hardware.scheduler.settle();
      expect(guest.queueReg(0, Q.STATUS), name).toBe(QUEUE_STATE.ERROR | (code << 8));
      expect(guest.completion(0), name).toEqual({ cookie: 0, status: code, sequence: 0 });
      expect(guest.queueReg(0, Q.CONSUMER), name).toBe(1);
      expect(guest.peek(0x8000, 1), name).toEqual(new Uint8Array(1));
    }
  });

  it('takes no ring and no doorbell that make no sense', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    guest.setQueueReg(1, Q.RING_SIZE, 12);
    guest.setQueueReg(1, Q.CONTROL, 1);
    expect(guest.queueReg(1, Q.STATUS)).toBe(QUEUE_STATE.ERROR | (JOB_STATUS.BAD_RING << 8));
    guest.start();
    guest.setQueueReg(0, Q.RING_SIZE, 1024);
    expect(guest.queueReg(0, Q.RING_SIZE)).toBe(16);
    guest.setQueueReg(0, Q.PRODUCER, 17);
    expect(guest.queueReg(0, Q.STATUS)).toBe(QUEUE_STATE.ERROR | (JOB_STATUS.OVERRUN << 8));
    rig.hardware.scheduler.settle();
    expect(guest.completion(0).sequence).toBe(0);
  });

  it('shows its memory through a window that moves in pages, any width', () => {
    const rig = new Rig({ icmBytes: 0x4_0000 });
    const guest = new Guest(rig, rig.vf(0));
    guest.setReg(VF_REG.ICM_WINDOW, 0x2_0123);
    expect(guest.reg(VF_REG.ICM_WINDOW)).toBe(0x2_0000);
    guest.setIcm(0x10, 0x11223344);
    guest.vf.write(0, 0x1_0011, 1, 0xaa);
    guest.vf.write(0, 0x1_0fff, 2, 0xbbcc);
    guest.setReg(VF_REG.ICM_WINDOW, 0x1_f000);
    expect(guest.icm(0x1010)).toBe(0x1122aa44);
    expect(guest.vf.read(0, 0x1_2000, 1)).toBe(0xbb);
    guest.setReg(VF_REG.ICM_WINDOW, 0x4_0000);
    expect(guest.reg(VF_REG.ICM_WINDOW)).toBe(0x1_f000);
    expect(guest.vf.read(0, 0x1_fffe, 4)).toBe(0);
  });

  it('sends nothing while its initiator is suspended, and nothing is left under way', () => {
    const rig = new Rig({ jobDelay: 5000 });
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    guest.fill(0x8000, 4, 0x11);
    guest.fill(0x9000, 4, 0x22);
    rig.hardware.scheduler.step();
    rig.hardware.scheduler.step();
    rig.suspend(0, 0);
    expect(guest.completion(0).status).toBe(0);
    expect(guest.peek(0x8000, 1)).toEqual(new Uint8Array([0x11]));
    const sent: DmaEvent[] = [];
    const count = guest.interrupts.length;
    rig.hardware.fabric.events.on('dma', (event) => {
      if (event.requester === guest.vf) sent.push(event);
    });
    guest.fill(0xa000, 4, 0x33);
    rig.hardware.scheduler.settle();
    rig.suspend(0, 1);
    rig.hardware.scheduler.settle();
    expect(sent).toEqual([]);
    expect(guest.interrupts).toHaveLength(count);
    rig.run(0);
    rig.hardware.scheduler.settle();
    expect(guest.peek(0xa000, 1)).toEqual(new Uint8Array([0x33]));
  });

  it('is as new after a function level reset, and so is what the firmware knew of it', () => {
    const fresh = new Rig();
    fresh.stop(0);
    const asNew = fresh.save(0).image;

    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    guest.setIcm(0x3000, 1);
    guest.job(JOB_OP.FILL, 1, 0x8000, 64);
    rig.save(0, { track: true });
    guest.fill(0x9000, 4, 1);
    rig.suspend(0, 0);
    guest.vf.configWrite(0x60 + 8, 2, DEVCTL_FLR);
    rig.hardware.scheduler.settle();
    expect(rig.model.resources().savesTracked).toBe(0);
    expect(rig.query(0, true).status).toBe(9);
    rig.stop(0);
    expect(rig.save(0).image).toEqual(asNew);
    expect(rig.model.illegal).toEqual([]);
  });

  it('has its save end without an image when it is reset meanwhile', () => {
    const rig = new Rig();
    rig.stop(0);
    const { key, memory } = rig.mkey(0x1_0000);
    rig.post(CMD_OP.SAVE_VHCA_STATE, rig.saveInput(0, {}, key, 0x1_0000));
    rig.vf(0).reset('flr');
    expect(rig.answer().status).toBe(9);
    expect(rig.bytes(memory, 0, 64)).toEqual(new Uint8Array(64));
    rig.stop(0);
    expect(rig.save(0).status).toBe(0);
  });

  it('does nothing more once SR-IOV took it away', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    guest.start();
    guest.fill(0x8000, 4, 1);
    rig.disableVfs();
    let sent = 0;
    rig.hardware.fabric.events.on('dma', ({ requester }) => {
      if (requester === guest.vf) sent++;
    });
    rig.hardware.scheduler.settle();
    expect(sent).toBe(0);
    expect(guest.peek(0x8000, 1)).toEqual(new Uint8Array(1));
  });

  it('comes back as new when SR-IOV, or the whole PF, was off meanwhile', () => {
    const asNew = new Rig();
    asNew.stop(0);
    const { image } = asNew.save(0);
    for (const off of ['vfs', 'pf'] as const) {
      const rig = new Rig();
      new Guest(rig, rig.vf(0)).setIcm(0, 0x5ec7e7);
      rig.save(0, { track: true });
      rig.stop(0);
      if (off === 'pf') rig.resetPf();
      else rig.disableVfs();
      expect(rig.model.resources().savesTracked, off).toBe(0);
      rig.enableVfs(2);
      rig.stop(0);
      expect(rig.save(0).image, off).toEqual(image);
      expect(rig.model.illegal, off).toEqual([]);
    }
  });

  it('can be tracked and saved after the PF was reset in the middle of both', () => {
    const rig = new Rig();
    new Tracking(rig).track(0, [[0, RAM]]);
    rig.stop(0);
    rig.post(CMD_OP.SAVE_VHCA_STATE, rig.saveInput(0, {}, rig.mkey(0x1000).key, 0x1000), 16, 0, 3);
    rig.resetPf();
    expect(rig.model.resources()).toEqual({ pd: 0, mkey: 0, cq: 0, qp: 0, tracker: 0, savesTracked: 0 });
    rig.enableVfs(2);
    rig.stop(0);
    expect(rig.save(0).status).toBe(0);
    expect(new Tracking(rig).track(0, [[0, RAM]])).toBeGreaterThan(0);
  });

  it('never sees or touches a byte of another', () => {
    const rig = new Rig();
    const [a, b] = [new Guest(rig, rig.vf(0)), new Guest(rig, rig.vf(1))];
    for (const guest of [a, b]) guest.start();
    rig.stop(1);
    const before = rig.save(1).image;
    rig.run(1);
    const owners = new Set<string>();
    rig.hardware.fabric.events.on('dma', ({ requester, physical }) => {
      if (requester === a.vf) owners.add(rig.hardware.memory.owner(physical)!);
    });
    const touched = new Set<string>();
    rig.model.partitions.onTouch = (partition) => touched.add(partition);
    a.poke(0x8000, new Uint8Array(64).fill(0xee));
    a.job(JOB_OP.COPY, 0x8000, 0x9000, 64);
    a.job(JOB_OP.STORE, 0x8000, 0x7000, 64);
    a.job(JOB_OP.LOAD, 0x7000, 0xa000, 64);
    a.setReg(VF_REG.SCRATCH, 1);
    a.setIcm(0, 1);
    expect([...touched]).toEqual(['vf0']);
    rig.model.partitions.onTouch = undefined;
    expect([...owners]).toEqual([a.ram.owner]);
    rig.stop(1);
    expect(rig.save(1).image).toEqual(before);
    expect(b.peek(0, RAM).some((byte) => byte === 0xee)).toBe(false);
  });

  it('shows every change of its state to who watches the partitions', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    const seen: string[] = [];
    rig.model.partitions.onTouch = (partition, what) => seen.push(`${partition} ${what}`);
    guest.setReg(VF_REG.SCRATCH, 1);
    rig.stop(0);
    const { image } = rig.save(0);
    rig.load(0, image);
    rig.run(0);
    guest.vf.reset('flr');
    expect(seen).toEqual([
      'vf0 register',
      'vf0 suspend initiator',
      'vf0 suspend responder',
      'pf alloc pd',
      'pf create mkey',
      'vf0 save',
      'pf destroy mkey',
      'pf create mkey',
      'vf0 load',
      'pf destroy mkey',
      'vf0 resume responder',
      'vf0 resume initiator',
      'vf0 reset',
    ]);
  });
});
