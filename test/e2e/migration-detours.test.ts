import { describe, expect, test } from 'vitest';
import { IMAGE } from '../../sim/devices/mlx5/image.ts';
import { Q, VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { Guest } from './guest.ts';
import { Migration } from './migrate.ts';
import { Site, type Vm } from './site.ts';

const { STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P } = MIG_STATE;
const [EINVAL, ENODEV, ENOMSG] = [-22, -19, -42];
const HEADER = 16;
const SLOW = { jobDelay: 1000 };

function working(site = new Site()): { site: Site; vm: Vm; guest: Guest } {
  const vm = site.vm();
  const guest = new Guest(vm);
  for (let i = 0; i < 6; i++) guest.post(i % 2);
  site.turn(3);
  guest.poll();
  return { site, vm, guest };
}

/** Everything posted comes to its end, once and in order. */
function concludes(site: Site, guest: Guest): void {
  for (let i = 0; i < 40; i++) {
    guest.post(i % 2);
    site.turn(3);
    guest.poll();
  }
  site.settle();
  guest.conclude();
  expect(guest.wrong).toEqual([]);
  expect(site.card.illegal).toEqual([]);
}

/** A whole stream of a device with `value` in its first scratch register. */
function streamWith(value: number): Uint8Array {
  const vm = new Site().vm();
  vm.device.write(0, VF_REG.SCRATCH, 4, value);
  return vm.readAll(vm.device.setState(STOP_COPY).dataFd).bytes;
}

/** A target that resumes, with 7 in its first scratch register. */
function resuming(): { site: Site; vm: Vm; fd: number; scratch(): number } {
  const site = new Site();
  const vm = site.vm();
  vm.device.write(0, VF_REG.SCRATCH, 4, 7);
  return { site, vm, fd: vm.device.setState(RESUMING).dataFd, scratch: () => vm.device.read(0, VF_REG.SCRATCH, 4) };
}

// covers: MG14
describe('P2P states', () => {
  test.each([
    ['RUNNING_P2P', RUNNING_P2P, RUNNING],
    ['PRE_COPY_P2P', PRE_COPY_P2P, PRE_COPY],
  ])(
    'in %s what was started is done, nothing starts, doorbells are kept, and all goes on afterwards',
    (_, quiet, loud) => {
      const { site, vm, guest } = working(new Site(1, SLOW));
      expect(vm.device.setState(loud).result).toBe(0);
      guest.post(0);
      site.turn(4);
      expect(vm.device.setState(quiet).result).toBe(0);
      const dma: boolean[] = [];
      site.machine.hardware.fabric.events.on('dma', ({ requester }) => dma.push(requester.vf !== undefined));
      const before = [guest.get(0, Q.CONSUMER), guest.get(1, Q.CONSUMER)];
      for (let i = 0; i < 6; i++) guest.post(i % 2);
      site.settle();
      expect(dma.filter(Boolean)).toEqual([]);
      expect([guest.get(0, Q.CONSUMER), guest.get(1, Q.CONSUMER)]).toEqual(before);
      for (const queue of [0, 1]) expect(guest.get(queue, Q.PRODUCER) - before[queue]!).toBeGreaterThanOrEqual(3);
      expect(vm.device.setState(RUNNING).result).toBe(0);
      concludes(site, guest);
    },
  );
});

describe('giving a migration up', () => {
  test.each([
    ['PRE_COPY', [PRE_COPY]],
    ['PRE_COPY_P2P', [PRE_COPY, PRE_COPY_P2P]],
    ['STOP_COPY', [PRE_COPY, STOP_COPY]],
    ['STOP', [STOP]],
  ])('in %s: the guest goes on, the file is dead, and a later migration works', (_, states) => {
    const { site, vm, guest } = working();
    const fds = states.map((state) => {
      const { result, dataFd } = vm.device.setState(state);
      expect(result).toBe(0);
      vm.read(dataFd, 300);
      guest.post(0);
      return dataFd;
    });
    expect(vm.device.setState(RUNNING).result).toBe(0);
    for (const fd of fds.filter((fd) => fd >= 0)) expect(vm.read(fd, 16)).toBe(ENODEV);
    concludes(site, guest);
    expect(site.card.resources()).toMatchObject({ pd: 0, mkey: 0, savesTracked: 0 });
    const target = new Site();
    const plan = { reads: [999], writes: [333], rounds: [{ jobs: 4, turns: 2 }], p2p: false };
    const migration = new Migration(guest, target.vm(), plan);
    migration.save();
    migration.load();
    expect(migration.wrong).toEqual([]);
    concludes(target, guest);
  });
});

describe('a reset in the middle', () => {
  // covers: RS03
  test.each([
    ['PRE_COPY', PRE_COPY],
    ['STOP_COPY', STOP_COPY],
    ['RESUMING', RESUMING],
  ])('of %s: the device runs as new, the file is dead, nothing is left in the card', (_, state) => {
    const { site, vm } = working();
    const { dataFd } = vm.device.setState(state);
    if (state === RESUMING) vm.write(dataFd, streamWith(5).subarray(0, 500));
    else vm.read(dataFd, 300);
    expect(vm.device.reset()).toBe(0);
    expect(vm.device.getState().state).toBe(RUNNING);
    expect(state === RESUMING ? vm.write(dataFd, new Uint8Array(16)) : vm.read(dataFd, 16)).toBe(ENODEV);
    site.settle();
    expect(site.card.resources()).toMatchObject({ pd: 0, mkey: 0, savesTracked: 0 });
    expect(vm.device.read(0, VF_REG.SCRATCH, 4)).toBe(0);
    expect(vm.device.read(0, VF_REG.COMPLETIONS_LO, 4)).toBe(0);
    concludes(site, new Guest(restarted(vm)));
  });
});

/** The guest’s driver starts over: rings of zeros. */
function restarted(vm: Vm): Vm {
  vm.poke(0, new Uint8Array(2 * 4096));
  return vm;
}

describe('streams that are not whole', () => {
  const whole = streamWith(0x1234);

  test('one that ends within its last record is dropped without an error, and the device is what it was', () => {
    for (const length of [0, 1, HEADER + 8, whole.length - 1]) {
      const { vm, fd, scratch } = resuming();
      expect(vm.write(fd, whole.subarray(0, length))).toBe(length);
      expect([length, vm.device.setState(STOP).result, scratch()]).toEqual([length, 0, 7]);
      expect(vm.device.setState(RUNNING).result).toBe(0);
      expect(vm.write(fd, whole)).toBe(ENODEV);
    }
  });

  test('after the full image a lost increment leaves the state of the full image', () => {
    const { vm: source } = working();
    source.device.write(0, VF_REG.SCRATCH, 4, 1);
    const { dataFd } = source.device.setState(PRE_COPY);
    const first = source.readAll(dataFd);
    expect(first.last).toBe(ENOMSG);
    source.device.write(0, VF_REG.SCRATCH, 4, 2);
    source.device.setState(STOP_COPY);
    const rest = source.readAll(dataFd);
    expect(rest.last).toBe(0);
    for (const [cut, value] of [
      [1, 1],
      [0, 2],
    ] as const) {
      const { vm, fd, scratch } = resuming();
      const stream = Buffer.concat([first.bytes, rest.bytes]);
      const part = stream.subarray(0, stream.length - cut);
      expect(vm.write(fd, part)).toBe(part.length);
      expect([vm.device.setState(STOP).result, scratch()]).toEqual([0, value]);
    }
  });
});

describe('streams that are not right', () => {
  const whole = streamWith(0x1234);
  const image = 2 * HEADER + 8;
  const changed = (at: number): Uint8Array => Uint8Array.from(whole, (byte, i) => (i === at ? byte ^ 1 : byte));

  test.each([
    ['a bit of an image', changed(image + IMAGE.SIZE + 20)],
    ['the image’s magic', changed(image)],
    ['the image’s sequence number', changed(image + IMAGE.SEQUENCE + 3)],
  ])('%s: the write that completes it fails, the file is dead, the device unchanged', (_, stream) => {
    const { site, vm, fd, scratch } = resuming();
    const last = stream.length - 1;
    expect(vm.write(fd, stream.subarray(0, last))).toBe(last);
    const refused = vm.write(fd, stream.subarray(last));
    expect(refused).toBe(EINVAL);
    expect(vm.write(fd, whole)).toBe(ENODEV);
    expect([vm.device.setState(STOP).result, scratch()]).toEqual([0, 7]);
    expect(vm.device.setState(RUNNING).result).toBe(0);
    expect(site.card.illegal).toEqual([]);
    // A fresh attempt with the right bytes works.
    const { dataFd } = vm.device.setState(RESUMING);
    expect(vm.write(dataFd, whole)).toBe(whole.length);
    expect([vm.device.setState(RUNNING).result, scratch()]).toEqual([0, 0x1234]);
  });
});
