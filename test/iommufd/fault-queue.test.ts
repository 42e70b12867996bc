import { describe, expect, test } from 'vitest';
import type { PageRequest } from '../../sim/iommu/page-requests.ts';
import { POLL } from '../../src/kernel/file.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { HWPT_ALLOC_FLAG, iommu_hwpt_pgfault, PAGE_RESP } from '../../src/uapi/iommufd.ts';
import { VFIO } from '../../src/uapi/vfio.ts';
import { ACCELERATOR, PLAIN, Rig, readFaults, UNMAPPED } from './rig.ts';

const { FAULT_ID_VALID, PASID } = HWPT_ALLOC_FLAG;
const { at } = iommu_hwpt_pgfault;

/** The accelerator on a page table whose page requests come to the user. */
function rigged() {
  const rig = new Rig();
  const device = rig.device(ACCELERATOR);
  const ioas = rig.ioas();
  const queue = rig.make('FAULT_QUEUE_ALLOC');
  const fd = rig.out('out_fault_fd');
  const table = (): number => rig.hwpt(device, ioas, FAULT_ID_VALID | PASID, { fault_id: queue });
  const hwpt = table();
  device.attach(hwpt);
  /** What the device was answered, in order. */
  const answers: string[] = [];
  const ask = (group: number, more: Partial<PageRequest> = {}): boolean =>
    device.dma.pageRequest(
      { pasid: undefined, group, address: 0x5000n, read: true, write: false, last: true, ...more },
      (response) => answers.push(`${group} ${response}`),
    );
  const page = rig.allocate(0x1000);
  const respond = (...words: number[]): number => {
    rig.process.memory.write(page, new Uint8Array(Uint32Array.from(words).buffer));
    return rig.process.write(fd, page, words.length * 4);
  };
  const cookies = (room?: number): number[] | number => {
    const records = readFaults(rig, fd, room);
    return typeof records === 'number' ? records : records.map((record) => record.getUint32(at.cookie, true));
  };
  return { rig, device, ioas, queue, fd, hwpt, table, answers, ask, respond, cookies, page };
}

describe('a page request', () => {
  // covers: IF26 HW20
  test('comes to the queue of the page table that the function is attached to, and the answer goes back', () => {
    const { ask, cookies, respond, answers } = rigged();
    expect(ask(7)).toBe(true);
    expect(answers).toEqual([]);
    expect(cookies()).toEqual([1]);
    expect(respond(1, PAGE_RESP.SUCCESS)).toBe(8);
    expect(answers).toEqual(['7 success']);
  });

  // covers: IF26
  test('is a record of 40 bytes', () => {
    const { rig, device, hwpt, fd, page, ask } = rigged();
    device.attach(hwpt, 9);
    ask(0x1ff, { pasid: 9, address: 0xffff_8000_1234_5000n, read: true, write: true, execute: true, privileged: true });
    expect(rig.process.read(fd, page, 80)).toBe(40);
    const words = new Uint32Array(Uint8Array.from(rig.bytes(page, 40)).buffer);
    expect([...words]).toEqual([3, device.id, 9, 0x1ff, 0xf, 0, 0x1234_5000, 0xffff_8000, 0, 1]);
    ask(0, { read: false, write: true });
    rig.process.read(fd, page, 40);
    expect([...new Uint32Array(Uint8Array.from(rig.bytes(page, 40)).buffer)]).toEqual([
      2,
      device.id,
      0,
      0,
      2,
      0,
      0x5000,
      0,
      0,
      2,
    ]);
  });

  // covers: IF26
  test('whose group never ends is forgotten when the device is attached to nothing that listens', () => {
    const { device, hwpt, ask, cookies } = rigged();
    ask(3, { address: 0x1000n, last: false });
    device.detach();
    device.attach(hwpt);
    ask(3, { address: 0x2000n });
    expect(cookies(), 'one record').toEqual([1]);
  });

  // covers: IF26 HW20
  test('waits for the last of its group, and the whole group is one cookie and one answer', () => {
    const { rig, fd, ask, respond, answers } = rigged();
    ask(3, { address: 0x1000n, last: false });
    ask(4, { address: 0x9000n });
    ask(3, { address: 0x2000n, last: false });
    expect(readFaults(rig, fd)).toHaveLength(1);
    ask(3, { address: 0x3000n });
    const records = readFaults(rig, fd) as DataView[];
    expect(records.map((record) => record.getBigUint64(at.addr, true))).toEqual([0x1000n, 0x2000n, 0x3000n]);
    expect(records.map((record) => record.getUint32(at.flags, true))).toEqual([0, 0, 2]);
    expect(records.map((record) => record.getUint32(at.cookie, true))).toEqual([2, 2, 2]);
    respond(2, PAGE_RESP.SUCCESS);
    expect(answers).toEqual(['3 success']);
  });

  // covers: HW20 IF26
  test('is answered "invalid" where nobody takes it: other PASIDs, and page tables without a queue', () => {
    const { device, ioas, answers, ask, cookies } = rigged();
    ask(1, { pasid: 9 });
    expect(answers).toEqual(['1 invalid']);
    device.attach(ioas);
    ask(2);
    device.detach();
    ask(3);
    expect([answers, cookies()]).toEqual([['1 invalid', '2 invalid', '3 invalid'], []]);
  });

  // covers: HW20
  test('with neither read nor write marks the end of a PASID, and asks for nothing', () => {
    const { ask, answers, cookies } = rigged();
    expect(ask(1, { read: false })).toBe(true);
    expect([answers, cookies()]).toEqual([[], []]);
  });

  // covers: HW20
  test('is not sent by a function whose page requests are off', () => {
    const rig = new Rig({ pageRequests: false });
    const device = rig.device(ACCELERATOR);
    const request = { pasid: undefined, group: 0, address: 0n, read: true, write: false, last: true };
    expect(device.dma.pageRequest(request, () => {})).toBe(false);
    expect(rig.device(PLAIN).dma.pageRequest(request, () => {})).toBe(false);
  });

  // covers: HW20
  test('can be sent again after a reset, which the answer to an earlier one does not survive', () => {
    const { rig, device, ask, respond, answers, cookies } = rigged();
    ask(1);
    expect(cookies()).toEqual([1]);
    expect(rig.process.ioctl(device.fd, VFIO.DEVICE_RESET, 0)).toBe(0);
    respond(1, PAGE_RESP.SUCCESS);
    expect(answers).toEqual([]);
    const command = rig.allocate(0x1000);
    rig.process.memory.write(command, Uint8Array.of(6));
    rig.process.pwrite(device.fd, command, 1, 7 * 2 ** 40 + 4);
    expect([ask(2), cookies()]).toEqual([true, [1]]);
  });
});

describe('reading', () => {
  // covers: IF26
  test('is 0 where nothing waits, and poll says what read will do', () => {
    const { rig, fd, page, ask } = rigged();
    expect([rig.process.read(fd, page, 40), rig.process.poll(fd)]).toEqual([0, POLL.OUT]);
    ask(1, { last: false });
    expect(rig.process.poll(fd)).toBe(POLL.OUT);
    ask(1);
    expect(rig.process.poll(fd)).toBe(POLL.OUT | POLL.IN);
  });

  // covers: IF26
  test('gives whole groups only, and EINVAL when the first does not fit', () => {
    const { ask, cookies } = rigged();
    ask(1);
    ask(2, { last: false });
    ask(2);
    expect(cookies(80)).toEqual([1]);
    expect(cookies(40)).toBe(-ERRNO.EINVAL);
    expect(cookies(80)).toEqual([2, 2]);
  });

  // covers: IF26
  test('is ESPIPE for part of a record, and at an offset', () => {
    const { rig, fd, page, ask } = rigged();
    ask(1);
    expect([rig.process.read(fd, page, 41), rig.process.read(fd, page, 8)]).toEqual([-ERRNO.ESPIPE, -ERRNO.ESPIPE]);
    expect(rig.process.pread(fd, page, 40, 40)).toBe(-ERRNO.ESPIPE);
    expect(rig.process.read(fd, page, 40)).toBe(40);
  });

  // covers: IF26
  test('into memory that is not there is EFAULT once, and the group can still be read', () => {
    const { rig, fd, ask, cookies } = rigged();
    ask(1);
    expect(rig.process.read(fd, UNMAPPED, 0x1000 - (0x1000 % 40))).toBe(-ERRNO.EFAULT);
    expect(cookies()).toEqual([1]);
  });

  // covers: IF26
  test('gives the groups before the one that could not be copied', () => {
    const { rig, fd, page, ask, cookies } = rigged();
    ask(1);
    ask(2);
    const end = page + 0x1000 - 40;
    expect(rig.process.read(fd, end, 80)).toBe(40);
    expect(cookies()).toEqual([2]);
  });

  // covers: IF26
  test('numbers cookies from 1, the lowest free one first', () => {
    const { ask, cookies, respond } = rigged();
    for (const group of [1, 2, 3]) ask(group);
    expect(cookies()).toEqual([1, 2, 3]);
    respond(2, PAGE_RESP.INVALID);
    ask(4);
    ask(5);
    expect(cookies()).toEqual([2, 4]);
  });
});

describe('answering', () => {
  // covers: IF26
  test('takes several at once, up to the first that is none', () => {
    const { ask, cookies, respond, answers } = rigged();
    for (const group of [1, 2, 3]) ask(group);
    cookies();
    expect(respond(3, PAGE_RESP.SUCCESS, 1, PAGE_RESP.INVALID, 3, PAGE_RESP.SUCCESS, 2, PAGE_RESP.SUCCESS)).toBe(16);
    expect(answers).toEqual(['3 success', '1 invalid']);
    expect(respond(3, PAGE_RESP.SUCCESS)).toBe(-ERRNO.EINVAL);
    expect(respond(2, PAGE_RESP.SUCCESS)).toBe(8);
  });

  // covers: IF26
  test('with another code, or before the group was read, is EINVAL and answers nothing', () => {
    const { ask, cookies, respond, answers } = rigged();
    ask(1);
    expect(respond(1, PAGE_RESP.SUCCESS)).toBe(-ERRNO.EINVAL);
    cookies();
    expect([respond(1, 2), respond(0, PAGE_RESP.SUCCESS)]).toEqual([-ERRNO.EINVAL, -ERRNO.EINVAL]);
    expect(answers).toEqual([]);
  });

  // covers: IF26
  test('is ESPIPE for part of an answer, and at an offset', () => {
    const { rig, fd, page } = rigged();
    expect([rig.process.write(fd, page, 12), rig.process.pwrite(fd, page, 8, 8)]).toEqual([
      -ERRNO.ESPIPE,
      -ERRNO.ESPIPE,
    ]);
    expect(rig.process.write(fd, UNMAPPED, 8)).toBe(-ERRNO.EFAULT);
  });
});

describe('requests whose attachment goes', () => {
  // covers: IF26
  test.each([
    ['detached', ({ device }: ReturnType<typeof rigged>) => device.detach()],
    ['attached elsewhere', ({ device, ioas }: ReturnType<typeof rigged>) => device.attach(ioas)],
    [
      'attached to another page table of the queue',
      ({ device, table }: ReturnType<typeof rigged>) => device.attach(table()),
    ],
  ])('are answered "invalid" when the device is %s, read or not', (_, leave) => {
    const rig = rigged();
    rig.ask(1);
    rig.cookies();
    rig.ask(2);
    leave(rig);
    expect([...rig.answers].sort()).toEqual(['1 invalid', '2 invalid']);
    expect([rig.cookies(), rig.respond(1, PAGE_RESP.SUCCESS)]).toEqual([[], -ERRNO.EINVAL]);
  });

  // covers: IF26
  test('have gone when the device is closed, which resets it first', () => {
    const { device, ask, answers, cookies, respond } = rigged();
    ask(1);
    cookies();
    ask(2);
    device.close();
    expect([answers, cookies(), respond(1, PAGE_RESP.SUCCESS)]).toEqual([[], [], -ERRNO.EINVAL]);
  });

  // covers: IF26
  test('are those of that attachment: a PASID’s own go on', () => {
    const { device, hwpt, ask, answers, cookies } = rigged();
    device.attach(hwpt, 9);
    ask(1);
    ask(2, { pasid: 9 });
    device.detach();
    expect([answers, cookies()]).toEqual([['1 invalid'], [1]]);
    device.detach(9);
    expect(answers).toEqual(['1 invalid', '2 invalid']);
  });
});

describe('FAULT_QUEUE_ALLOC', () => {
  // covers: IF26
  test('refuses flags, and a table of descriptors that is full, leaving nothing behind', () => {
    const rig = new Rig();
    expect(rig.call('FAULT_QUEUE_ALLOC', { flags: 1 })).toBe(-ERRNO.EOPNOTSUPP);
    rig.process.files.limit = 4;
    expect(rig.call('FAULT_QUEUE_ALLOC')).toBe(-ERRNO.EMFILE);
    expect(rig.ioas()).toBe(1);
  });

  // covers: IF26
  test('a page table with a queue is for devices that can ask: others are ENODEV, a VF that shares them EINVAL', () => {
    const rig = new Rig();
    const device = rig.device(PLAIN);
    const ioas = rig.ioas();
    const queue = rig.make('FAULT_QUEUE_ALLOC');
    const hwpt = rig.hwpt(device, ioas, FAULT_ID_VALID | PASID, { fault_id: queue });
    expect(device.attach(hwpt)).toBe(-ERRNO.ENODEV);
    // One without PASIDs has that attachment only recorded, and no IOMMU is asked.
    expect(device.attach(hwpt, 5)).toBe(hwpt);
    const vf = rig.device(rig.vf());
    expect(vf.attach(hwpt)).toBe(-ERRNO.EINVAL);
    expect(vf.attach(ioas)).toBeGreaterThan(0);
  });
});
