import { describe, expect, it } from 'vitest';
import { checksum } from '../../sim/devices/mlx5/checksum.ts';
import { MKEY_ACCESS } from '../../sim/devices/mlx5/commands/mkey.ts';
import { CMD_OP } from '../../sim/devices/mlx5/commands/opcodes.ts';
import { IMAGE, RECORD_HEADER } from '../../sim/devices/mlx5/image.ts';
import { ISEG } from '../../sim/devices/mlx5/init-segment.ts';
import { STATUS } from '../../sim/devices/mlx5/status.ts';
import { Guest } from './mlx5-guest.ts';
import { Rig, swap } from './mlx5-rig.ts';

/** The whole state of a VF as only the firmware can see it: a full image of it, stopped. */
function whole(rig: Rig, vf: number): Uint8Array {
  return rig.save(vf).image;
}

describe('the firmware', () => {
  it('refuses what comes in the wrong order, with BAD_RES_STATE, and remembers it', () => {
    const order: [string, (rig: Rig) => number][] = [
      ['responder first', (rig) => rig.suspend(0, 1)],
      ['resume of a running initiator', (rig) => rig.resume(0, 1)],
      ['resume of a running responder', (rig) => rig.resume(0, 0)],
      ['suspend twice', (rig) => rig.suspend(0, 0) || rig.suspend(0, 0)],
      ['resume initiator first', (rig) => rig.suspend(0, 0) || rig.suspend(0, 1) || rig.resume(0, 1)],
      ['save of a running device', (rig) => rig.save(0).status],
      ['save with half of it suspended', (rig) => rig.suspend(0, 0) || rig.save(0).status],
      ['increment of nothing', (rig) => rig.save(0, { incremental: true, track: true }).status],
      ['size of an increment of nothing', (rig) => rig.query(0, true).status],
      [
        'tracking of a stopped device',
        (rig) => rig.suspend(0, 0) || rig.suspend(0, 1) || rig.save(0, { track: true }).status,
      ],
      [
        'load into a device that is tracked',
        (rig) => {
          const { image } = rig.save(0, { track: true });
          rig.stop(0);
          return rig.load(0, image).status;
        },
      ],
      ['load into a running device', (rig) => rig.load(0, new Uint8Array(512)).status],
    ];
    for (const [name, run] of order) {
      const rig = new Rig();
      expect(run(rig), name).toBe(STATUS.BAD_RES_STATE_ERR);
      expect(rig.model.illegal, name).toHaveLength(1);
      expect(rig.model.illegal[0]!.vhca, name).toBe(rig.vhca(0));
    }
  });

  it('knows no VHCA but those of VFs that exist', () => {
    const rig = new Rig({}, 1);
    const gone = rig.vhca(0) + 1;
    for (const opcode of [CMD_OP.SUSPEND_VHCA, CMD_OP.RESUME_VHCA])
      expect(rig.word(opcode, gone).status).toBe(STATUS.BAD_RES_ERR);
    const known = rig.vhca(0);
    rig.disableVfs();
    expect(rig.word(CMD_OP.SUSPEND_VHCA, known).status).toBe(STATUS.BAD_RES_ERR);
    expect(rig.model.illegal).toHaveLength(3);
  });

  it('answers unknown opcodes, foreign uids and short commands with their own codes', () => {
    const rig = new Rig();
    expect(rig.word(0x7777, 0).status).toBe(STATUS.BAD_OP_ERR);
    const foreign = new DataView(new ArrayBuffer(16));
    foreign.setUint16(2, 9);
    expect(rig.command(CMD_OP.ALLOC_PD, foreign).status).toBe(STATUS.BAD_RES_ERR);
    expect(rig.command(CMD_OP.ALLOC_PD, new DataView(new ArrayBuffer(8))).status).toBe(STATUS.BAD_INP_LEN_ERR);
    expect(rig.word(CMD_OP.ALLOC_PD, 0, 0, 8).status).toBe(STATUS.BAD_OUTP_LEN_ERR);
    expect(rig.word(CMD_OP.SUSPEND_VHCA, rig.vhca(0), 2).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(rig.model.resources().pd).toBe(0);
  });

  it('says what the card can do at the bits of the PRM', () => {
    const rig = new Rig({ capabilities: { migration_in_chunks: false } });
    const bit = (type: number, word: number, n: number): number => {
      const { out } = rig.word(CMD_OP.QUERY_HCA_CAP, word, (type << 1) | 1, 0x1010);
      return (out.getUint8(16 + (n >> 3)) >> (7 - (n & 7))) & 1;
    };
    expect([bit(0, 0, 0x68d), bit(0, 0, 0x579)]).toEqual([1, 1]);
    expect([bit(0x20, 0, 0xc8), bit(0x20, 0, 0xc9), bit(0x20, 0, 0xd0), bit(0x20, 0, 0xd9)]).toEqual([1, 1, 0, 1]);
    expect(bit(0x20, 0x8000_0001, 0x80)).toBe(1);
    expect(rig.vhca(0)).not.toBe(rig.vhca(1));
  });

  it('refuses any image with one byte changed, and the device stays what it was', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    source.start();
    source.setIcm(0x2000, 7);
    rig.stop(0);
    const { image } = rig.save(0);
    const target = new Guest(rig, rig.vf(1));
    target.setIcm(0x2000, 0x55);
    target.setIcm(0x3000, 0x66);
    rig.stop(1);
    const before = whole(rig, 1);
    for (let at = 0; at < image.length; at += at < 0x240 ? 1 : 61) {
      const bad = image.slice();
      bad[at]! ^= at % 2 === 0 ? 0x41 : 0x02;
      expect(rig.load(1, bad).status, `byte ${at}`).toBe(STATUS.BAD_PARAM_ERR);
    }
    for (const length of [0, 1, 63, 64, image.length - 1])
      expect(rig.load(1, image.slice(0, length)).status, `length ${length}`).toBe(STATUS.BAD_PARAM_ERR);
    expect(whole(rig, 1)).toEqual(before);
    expect(rig.model.illegal).toEqual([]);
  });

  it('refuses images that only a forger can make, checksum right and all', () => {
    const rig = new Rig();
    const source = new Guest(rig, rig.vf(0));
    source.start();
    source.setIcm(0x2000, 7);
    rig.stop(0);
    const { image } = rig.save(0);
    rig.stop(1);
    const before = whole(rig, 1);
    const device = IMAGE.SIZE + RECORD_HEADER;
    const queue = device + 0x40 + RECORD_HEADER;
    const page = device + 0x40 + 4 * (RECORD_HEADER + 0x30);
    const forgeries: [string, number, number][] = [
      ['window outside the memory', device, 0x10_0000],
      ['window between pages', device, 0x10],
      ['ring not aligned', queue, 0x1001],
      ['ring above 2^53', queue + 4, 0x20_0000],
      ['ring too large', queue + 8, 0x800],
      ['ring not a power of two', queue + 8, 3],
      ['more posted than the ring holds', queue + 12, 17],
      ['unknown control', queue + 20, 3],
      ['vector beyond the table', queue + 32, 8],
      ['unknown status', queue + 36, 7],
      ['page beyond the memory', page + 4, 16],
      ['page longer than its record', page + 8, 0x2000],
      ['another number of records', IMAGE.RECORDS, 7],
      ['a device of another size', IMAGE.ICM_PAGES, 32],
      ['something in the reserved part', 0x30, 1],
    ];
    for (const [name, at, value] of forgeries) {
      const forged = image.slice();
      const view = new DataView(forged.buffer);
      view.setUint32(at, value);
      view.setUint32(IMAGE.CHECKSUM, checksum(forged, IMAGE.VERSION, forged.length));
      expect(rig.load(1, forged).status, name).toBe(STATUS.BAD_PARAM_ERR);
    }
    expect(whole(rig, 1)).toEqual(before);
    expect(rig.load(1, image).status).toBe(0);
  });

  it('takes increments only onto the image they continue', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    guest.setIcm(0, 1);
    const full = rig.save(0, { track: true }).image;
    guest.setIcm(0, 2);
    const first = rig.save(0, { incremental: true, track: true }).image;
    guest.setIcm(0, 3);
    const second = rig.save(0, { incremental: true, track: true }).image;
    rig.stop(1);
    expect(rig.load(1, first).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(rig.load(1, full).status).toBe(0);
    expect(rig.load(1, second).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(rig.load(1, first).status).toBe(0);
    expect(rig.load(1, first).status).toBe(STATUS.BAD_PARAM_ERR);
    expect(rig.load(1, second).status).toBe(0);
    expect(new Guest(rig, rig.vf(1)).icm(0)).toBe(3);
  });

  it('takes parts only in their order, each page once, and nothing else in between', () => {
    const rig = new Rig();
    const guest = new Guest(rig, rig.vf(0));
    for (let page = 0; page < 12; page++) guest.setIcm(page * 0x1000, 1);
    const full = rig.save(0, { track: true }).image;
    for (let page = 0; page < 12; page++) guest.setIcm(page * 0x1000, 2);
    rig.stop(0);
    const parts = [rig.save(0, { incremental: true, size: 0x5000 })];
    while (parts.at(-1)!.next !== 0) parts.push(rig.save(0, { incremental: true, size: 0x5000 }));
    expect(parts).toHaveLength(3);
    const [first, second, third] = parts.map(({ image }) => image);
    const forge = (image: Uint8Array, change: (view: DataView) => void): Uint8Array => {
      const forged = image.slice();
      const view = new DataView(forged.buffer);
      change(view);
      view.setUint32(IMAGE.CHECKSUM, checksum(forged, IMAGE.VERSION, forged.length));
      return forged;
    };
    rig.stop(1);
    const bad = STATUS.BAD_PARAM_ERR;
    expect(rig.load(1, full).status).toBe(0);
    expect(rig.load(1, second!).status).toBe(bad);
    expect(rig.load(1, first!).status).toBe(0);
    expect(rig.load(1, third!).status).toBe(bad);
    // An increment where a part is due, and a part that goes back to a page an earlier one had.
    const increment = forge(first!, (view) => view.setUint32(IMAGE.SEQUENCE, view.getUint32(IMAGE.SEQUENCE) + 1));
    expect(rig.load(1, increment).status).toBe(bad);
    const again = forge(second!, (view) => view.setUint32(IMAGE.SIZE + 4, 0));
    expect(rig.load(1, again).status).toBe(bad);
    const whole = new Guest(rig, rig.vf(1));
    expect(whole.icm(0)).toBe(1);
    expect(rig.load(1, second!).status).toBe(0);
    expect(rig.load(1, third!).status).toBe(0);
    expect([whole.icm(0), whole.icm(0xb000)]).toEqual([2, 2]);
  });

  it('writes images only where an mkey lets it', () => {
    const rig = new Rig();
    rig.stop(0);
    const save = (key: number, size: number): number =>
      rig.command(CMD_OP.SAVE_VHCA_STATE, rig.saveInput(0, {}, key, size)).status;
    expect(save(0x1234_00, 4096)).toBe(STATUS.BAD_RES_ERR);
    expect(save(rig.mkey(4096).key, 4097)).toBe(STATUS.BAD_PARAM_ERR);
    expect(save(rig.mkey(4096, rig.pd(), MKEY_ACCESS.LR).key, 4096)).toBe(STATUS.BAD_PARAM_ERR);
    const { key, memory } = rig.mkey(4096);
    rig.domain.unmap(memory.iova, memory.length);
    expect(save(key, 4096)).toBe(STATUS.INT_ERR);
    expect(rig.model.illegal.map(({ reason }) => reason)).toEqual([
      'no such mkey',
      'outside the mkey',
      'the mkey does not allow the access',
      'memory cannot be reached',
    ]);
    expect(save(rig.mkey(4096).key, 64)).toBe(STATUS.BAD_PARAM_ERR);
    expect(save(rig.mkey(4096).key, 4096)).toBe(0);
  });

  it('answers other commands while a save is on its way, but nothing that concerns the same VHCA or its buffer', () => {
    const rig = new Rig();
    rig.stop(0);
    const { key } = rig.mkey(4096);
    const input = rig.saveInput(0, {}, key, 4096);
    const vhca = rig.vhca(0);
    rig.post(CMD_OP.SAVE_VHCA_STATE, input, 16, 0, 5);
    expect(rig.pending(5)).toBe(true);
    expect(rig.word(CMD_OP.RESUME_VHCA, vhca, 0).status).toBe(STATUS.RES_BUSY);
    expect(rig.word(CMD_OP.DESTROY_MKEY, key >>> 8).status).toBe(STATUS.RES_BUSY);
    expect(rig.suspend(1, 0)).toBe(0);
    expect(rig.pending(5)).toBe(true);
    expect(rig.answer(16, 5).status).toBe(0);
    expect(rig.word(CMD_OP.DESTROY_MKEY, key >>> 8).status).toBe(0);
  });

  it('counts its objects, lets none go that is in use, and has limits', () => {
    const rig = new Rig({ limits: { pd: 2, mkey: 1 } });
    const pd = rig.pd();
    const { key } = rig.mkey(4096, pd);
    expect(rig.model.resources()).toEqual({ pd: 1, mkey: 1, cq: 0, qp: 0, tracker: 0, savesTracked: 0 });
    expect(rig.word(CMD_OP.DEALLOC_PD, pd).status).toBe(STATUS.RES_BUSY);
    expect(() => rig.mkey(4096, pd)).toThrow('no mkey');
    expect(rig.word(CMD_OP.DESTROY_MKEY, key >>> 8).status).toBe(0);
    expect(rig.word(CMD_OP.DEALLOC_PD, pd).status).toBe(0);
    expect(rig.word(CMD_OP.DEALLOC_PD, pd).status).toBe(STATUS.BAD_RES_ERR);
    expect(rig.model.resources()).toMatchObject({ pd: 0, mkey: 0 });
  });

  it('fails a command when a test asks it to, save later and others at once', () => {
    const rig = new Rig({
      failNext: (opcode) => (opcode === CMD_OP.SAVE_VHCA_STATE ? STATUS.BAD_RES_STATE_ERR : undefined),
    });
    rig.stop(0);
    const { key } = rig.mkey(4096);
    rig.post(CMD_OP.SAVE_VHCA_STATE, rig.saveInput(0, {}, key, 4096));
    expect(rig.pending()).toBe(true);
    expect(rig.answer().status).toBe(STATUS.BAD_RES_STATE_ERR);
    expect(rig.model.illegal).toEqual([]);
  });

  it('raises the command vector, and shows the queue layout in its registers', () => {
    const rig = new Rig();
    expect(swap(rig.pf.read(0, ISEG.CMDQ_ADDR_L_SZ, 4)) & 0xff).toBe(0x56);
    expect(swap(rig.pf.read(0, ISEG.INITIALIZING, 4)) >>> 31).toBe(0);
    let raised = 0;
    const vector = rig.hardware.fabric.interrupts.allocate(rig.pf.aliasId, () => raised++)!;
    rig.pf.write(0, 0x2000, 4, vector.address);
    rig.pf.write(0, 0x2008, 4, vector.data);
    rig.pf.write(0, 0x200c, 4, 0);
    rig.pf.configWrite(0x9e, 2, 0x8000);
    rig.pd();
    expect(raised).toBe(1);
  });
});
