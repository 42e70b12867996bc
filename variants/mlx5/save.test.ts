import { afterEach, describe, expect, test } from 'vitest';
import { FEATURE, FEATURE_FLAG, MIG_STATE, VFIO } from '../../src/uapi/vfio.ts';
import { Bench, type OpenVf, read, readAll, write } from '../../test/variant/mlx5-bench.ts';
import { MLX5_FORMAT } from './format.ts';
import { SIZES } from './save/start.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;
const SCRATCH = 0x20;
const [ENODEV, ENOMSG, EAGAIN, EINVAL, EINTR, EFAULT, ENOTTY] = [-19, -42, -11, -22, -4, -14, -25];

/** The value of the record a stream starts with, and the images in it. */
function parse(stream: Uint8Array): { announced: bigint; images: Uint8Array[] } {
  const { records, tail } = MLX5_FORMAT.split(stream);
  expect(tail.length).toBe(0);
  const [first, ...images] = records;
  const view = new DataView(first!.buffer, first!.byteOffset);
  expect([view.getBigUint64(0, true), view.getUint32(8, true), view.getUint32(12, true), first!.length]).toEqual([
    8n,
    1,
    1,
    24,
  ]);
  return { announced: view.getBigUint64(16, true), images: images.map((record) => record.subarray(16)) };
}

describe('a stopped device', () => {
  test('is one announcement and one image', () => {
    const bench = new Bench({ capabilities: { migration_in_chunks: false } });
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    const { bytes, last } = readAll(user, dataFd, 7);
    expect(last).toBe(0);
    const { announced, images } = parse(bytes);
    expect(images).toHaveLength(1);
    expect(announced).toBe(4096n);
    expect(user.device.dataSize()).toBe(images[0]!.length);
  });

  test('loads into another one, which then is the same', () => {
    const bench = new Bench();
    const [from, to] = [bench.open(0), bench.open(1)];
    from.device.write(0, SCRATCH, 4, 0xdead_beef);
    const saved = readAll(from, from.device.setState(STOP_COPY).dataFd).bytes;
    const { dataFd } = to.device.setState(RESUMING);
    expect(write(to, dataFd, saved)).toBe(saved.length);
    expect(to.device.setState(STOP_COPY).result).toBe(0);
    const again = readAll(to, to.process.files.open.at(-1)!).bytes;
    expect(Buffer.compare(again, saved)).toBe(0);
  });

  test('is not read before it is saved: EAGAIN without waiting, a wait otherwise', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    expect(read(user, dataFd, 24)).toHaveLength(24);
    user.process.setNonblock(dataFd, true);
    expect(read(user, dataFd)).toBe(EAGAIN);
    expect(user.process.poll(dataFd)).toBe(0);
    user.process.setNonblock(dataFd, false);
    expect(read(user, dataFd)).toHaveLength(416);
    expect(user.process.poll(dataFd)).toBe(0x41);
    expect(read(user, dataFd)).toHaveLength(0);
  });

  test('a wait for it ends with a signal', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    read(user, dataFd, 24);
    const { scheduler } = bench.machine.kernel;
    const thread = scheduler.spawn('reader', user.process.readCall(dataFd, user.buffer, 10, undefined) as never);
    while ((thread as unknown as { state: string }).state === 'runnable') scheduler.step();
    thread.interrupt();
    bench.settle();
    expect(thread.result).toBe(EINTR);
  });

  test('an image of no bytes breaks the file', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    bench.settle();
    user.vf.saving!.pieces.splice(1, 0, { start: 24, length: 0, source: new Uint8Array(0) });
    expect(read(user, dataFd, 24)).toHaveLength(24);
    expect(read(user, dataFd, 1)).toBe(EINVAL);
    expect(read(user, dataFd, 1)).toBe(ENODEV);
    expect(user.process.poll(dataFd)).toBe(0x2041);
  });

  test('a read to memory that is not there takes whole pages with it', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(STOP_COPY);
    bench.settle();
    expect(user.process.read(dataFd, 0x10, 10)).toBe(EFAULT);
    expect(read(user, dataFd, 24)).toHaveLength(24);
    expect(user.process.write(dataFd, user.buffer, 1)).toBe(-9);
    expect(user.process.pread(dataFd, user.buffer, 1, 0)).toBe(-29);
  });
});

describe('pre-copy', () => {
  // covers: MG12 MG10
  test('a full image, increments on request, and the end, which load one after the other', () => {
    const bench = new Bench();
    const [from, to] = [bench.open(0), bench.open(1)];
    const { dataFd } = from.device.setState(PRE_COPY);
    bench.settle();
    const first = from.device.precopyInfo(dataFd);
    const head = readAll(from, dataFd);
    expect(first).toMatchObject({ result: 0, initial: head.bytes.length, dirty: 0 });
    expect(head.bytes.length).toBe(24 + 16 + parse(head.bytes).images[0]!.length);
    expect(head.last).toBe(ENOMSG);
    expect(from.device.precopyInfo(dataFd)).toMatchObject({ initial: 0, dirty: 0 });

    from.device.write(0, SCRATCH, 4, 77);
    const more = from.device.precopyInfo(dataFd);
    expect(more.initial).toBe(0);
    expect(more.dirty).toBeGreaterThan(16);
    bench.settle();
    const increment = readAll(from, dataFd);
    expect(increment.bytes.length).toBe(more.dirty);
    expect(increment.last).toBe(ENOMSG);

    from.device.write(0, SCRATCH + 4, 4, 78);
    expect(from.device.setState(STOP_COPY)).toMatchObject({ result: 0, dataFd: -1 });
    const end = readAll(from, dataFd);
    expect(end.last).toBe(0);
    const { dataFd: resume } = to.device.setState(RESUMING);
    const stream = Buffer.concat([head.bytes, increment.bytes, end.bytes]);
    expect(write(to, resume, stream)).toBe(stream.length);
    expect(to.device.setState(RUNNING).result).toBe(0);
    expect([to.device.read(0, SCRATCH, 4), to.device.read(0, SCRATCH + 4, 4)]).toEqual([77, 78]);
    expect(bench.card.illegal).toEqual([]);
  });

  test('what is reported is never less than what can be read', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(PRE_COPY);
    bench.settle();
    const first = read(user, dataFd, 100) as Uint8Array;
    user.device.write(0, SCRATCH, 4, 1);
    const { initial } = user.device.precopyInfo(dataFd);
    const rest = readAll(user, dataFd).bytes.length;
    expect(initial).toBe(rest);
    expect(first).toHaveLength(100);
    user.device.precopyInfo(dataFd);
    bench.settle();
    read(user, dataFd, 20);
    const { dirty } = user.device.precopyInfo(dataFd);
    expect(dirty).toBeGreaterThanOrEqual(readAll(user, dataFd).bytes.length);
  });

  // covers: MG10
  test('asks the device only while it runs, and only of its own state', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(PRE_COPY);
    bench.settle();
    readAll(user, dataFd);
    user.device.write(0, SCRATCH, 4, 1);
    user.device.setState(PRE_COPY_P2P);
    bench.forget();
    expect(user.device.precopyInfo(dataFd)).toMatchObject({ result: 0, dirty: 0 });
    expect(bench.names).toEqual([]);
    user.device.setState(STOP_COPY);
    expect(user.device.precopyInfo(dataFd).result).toBe(EINVAL);
    expect(user.process.ioctl(dataFd, VFIO.DEVICE_RESET, 0)).toBe(ENOTTY);
    const old = dataFd;
    user.device.setState(PRE_COPY);
    user.device.setState(RUNNING);
    expect(user.device.precopyInfo(old).result).toBe(EINVAL);
    user.device.setState(PRE_COPY);
    expect(user.device.precopyInfo(old).result).toBe(ENODEV);
  });

  // covers: MG11
  test('a fresh set-up makes the user that asked for it start over with initial bytes', () => {
    const bench = new Bench();
    const user = bench.open(0);
    const { dataFd } = user.device.setState(PRE_COPY);
    bench.settle();
    readAll(user, dataFd);
    setUpQueue(user);
    expect(user.device.precopyInfo(dataFd).flags).toBe(0);
    bench.settle();
    readAll(user, dataFd);
    expect(user.device.feature(FEATURE.MIG_PRECOPY_INFOv2 | FEATURE_FLAG.SET, 0)).toBe(0);
    setUpQueue(user);
    const again = user.device.precopyInfo(dataFd);
    expect(again).toMatchObject({ flags: 1, dirty: 0 });
    bench.settle();
    const rest = user.device.precopyInfo(dataFd);
    expect(rest.initial).toBe(again.initial);
    expect(readAll(user, dataFd).bytes.length).toBe(again.initial);
  });

  test('a save that lost its tracking ends with a full image', () => {
    let fail = 0;
    const bench = new Bench({ failNext: (op) => (op === 0x118 && fail > 0 && fail-- > 0 ? 0x09 : undefined) });
    const [from, to] = [bench.open(0), bench.open(1)];
    const { dataFd } = from.device.setState(PRE_COPY);
    bench.settle();
    const head = readAll(from, dataFd).bytes;
    from.device.write(0, SCRATCH, 4, 5);
    fail = 1;
    from.device.precopyInfo(dataFd);
    bench.settle();
    expect(read(from, dataFd)).toBe(ENOMSG);
    bench.forget();
    expect(from.device.precopyInfo(dataFd)).toMatchObject({ result: 0, initial: 0, dirty: 0 });
    expect(bench.names).toEqual([]);
    expect(from.device.setState(STOP_COPY).result).toBe(0);
    bench.settle();
    expect(bench.names.slice(-2)).toEqual(['query inc=0', 'save inc=0 track=0']);
    const end = readAll(from, dataFd);
    expect(end.last).toBe(0);
    const { dataFd: resume } = to.device.setState(RESUMING);
    expect(write(to, resume, Buffer.concat([head, end.bytes]))).toBe(head.length + end.bytes.length);
    expect(to.device.setState(RUNNING).result).toBe(0);
    expect(to.device.read(0, SCRATCH, 4)).toBe(5);
  });

  test('any other failure ends the file, and no more is asked of the firmware', () => {
    let fail = false;
    const bench = new Bench({ failNext: (op) => (op === 0x118 && fail ? 0x01 : undefined) });
    const user = bench.open(0);
    fail = true;
    const { dataFd } = user.device.setState(PRE_COPY);
    bench.settle();
    expect(read(user, dataFd)).toBe(ENODEV);
    bench.forget();
    expect(user.device.precopyInfo(dataFd).result).toBe(ENODEV);
    expect(bench.names).toEqual([]);
    expect(user.device.setState(RUNNING).result).toBe(ENODEV);
    expect(user.device.getState().state).toBe(PRE_COPY);
    fail = false;
    user.device.reset();
    bench.settle();
    expect(user.device.getState().state).toBe(RUNNING);
    expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0 });
  });
});

describe('chunks', () => {
  const before = SIZES.chunk;
  afterEach(() => {
    SIZES.chunk = before;
  });

  test('come one after the other; the third waits until one was read', () => {
    SIZES.chunk = 4096;
    const bench = new Bench({ icmBytes: 0x2_0000 });
    const [from, to] = [bench.open(0), bench.open(1)];
    for (let page = 0; page < 16; page++) from.device.write(0, 0x1_0000 + page * 4096, 4, page + 1);
    const { dataFd } = from.device.setState(STOP_COPY);
    bench.settle();
    expect(from.vf.saving!.readyChunks).toBe(2);
    expect(bench.names.filter((name) => name.startsWith('save'))).toHaveLength(2);
    const stream = readAll(from, dataFd);
    expect(stream.last).toBe(0);
    expect(parse(stream.bytes).images.length).toBeGreaterThan(2);
    const { dataFd: resume } = to.device.setState(RESUMING);
    expect(write(to, resume, stream.bytes)).toBe(stream.bytes.length);
    expect(to.device.setState(RUNNING).result).toBe(0);
    for (let page = 0; page < 16; page++) expect(to.device.read(0, 0x1_0000 + page * 4096, 4)).toBe(page + 1);
    expect(bench.card.illegal).toEqual([]);
  });

  test('a session that ends in between asks for no more', () => {
    SIZES.chunk = 4096;
    const bench = new Bench({ icmBytes: 0x2_0000 });
    const user = bench.open(0);
    for (let page = 0; page < 16; page++) user.device.write(0, 0x1_0000 + page * 4096, 4, page + 1);
    user.device.setState(STOP_COPY);
    expect(user.device.setState(STOP).result).toBe(0);
    bench.settle();
    expect(bench.card.resources()).toMatchObject({ pd: 0, mkey: 0 });
    expect(bench.card.illegal).toEqual([]);
  });
});

/** Changes the set-up of queue 0. */
function setUpQueue({ device }: OpenVf): void {
  device.write(0, 0x100 + 0x14, 4, 0);
  device.write(0, 0x100 + 0x08, 4, 8);
  device.write(0, 0x100 + 0x14, 4, 1);
}

test('a read waits for the increment that was asked for', () => {
  const bench = new Bench();
  const user = bench.open(0);
  const { dataFd } = user.device.setState(PRE_COPY);
  bench.settle();
  readAll(user, dataFd);
  user.device.write(0, SCRATCH, 4, 1);
  const { dirty } = user.device.precopyInfo(dataFd);
  expect(readAll(user, dataFd).bytes.length).toBe(dirty);
});
