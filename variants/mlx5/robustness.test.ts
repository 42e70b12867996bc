import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IllegalCommand } from '../../sim/devices/mlx5/firmware.ts';
import { ERRNO } from '../../src/uapi/errno.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import type { Choose } from '../../src/variant/format.ts';
import { Bench, type OpenVf, readAll } from '../../test/variant/mlx5-bench.ts';
import { OPCODE } from './core/command.ts';
import { MLX5_FORMAT } from './format.ts';

const STATES = Object.values(MIG_STATE);
const { STOP_COPY, RUNNING } = MIG_STATE;

/** One user's call, chosen by numbers; streams are the device's own, changed. */
interface Step {
  readonly kind: 'state' | 'read' | 'write' | 'info' | 'size' | 'reset' | 'log' | 'poke' | 'close' | 'wait';
  readonly a: number;
  readonly b: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'state',
    'state',
    'state',
    'read',
    'write',
    'info',
    'size',
    'reset',
    'log',
    'poke',
    'close',
    'wait',
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
});

function chooser(seed: number): Choose {
  let state = seed + 1;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
}

/** Every call a user can be in the middle of. */
function* callsOf(
  bench: Bench,
  user: OpenVf,
  files: number[],
  stream: Uint8Array,
  { kind, a, b }: Step,
): Generator<number | Generator> {
  const { process, device, buffer } = user;
  const fd = files[a % Math.max(1, files.length)] ?? -1;
  switch (kind) {
    case 'state':
      yield device.featureCall(0x2_0002, 8, (view, at) =>
        view.setUint32(at, STATES[a % STATES.length]!, true),
      ) as Generator;
      break;
    case 'read':
      process.setNonblock(fd, b % 2 === 0);
      yield process.readCall(fd, buffer, b * 7, undefined) as Generator;
      break;
    case 'write': {
      const bytes = b % 3 === 0 ? stream : MLX5_FORMAT.mutations(stream, chooser(a));
      process.memory.write(buffer, bytes);
      yield process.writeCall(fd, buffer, bytes.length, undefined) as Generator;
      break;
    }
    case 'info':
      process.memory.write(buffer + 0x8_0000, new Uint8Array([24]));
      yield process.ioctlCall(fd, 0x3b79, buffer + 0x8_0000) as Generator;
      break;
    case 'size':
      yield device.featureCall(0x1_0009, 8) as Generator;
      break;
    case 'reset': {
      // Not while a state changes: see "What the kernel leaves open" in this folder's README.
      bench.settle();
      process.ioctl(device.fd, 0x3b6f, 0);
      break;
    }
    case 'log':
      if (b % 2 === 0) device.startLogging(0, 0x10000 * (1 + (a % 4)), 4096);
      else if (b % 3 === 0) device.stopLogging();
      else device.reportLogging(0, 0x10000);
      break;
    case 'poke':
      device.write(0, 0x20 + 4 * (a % 8), 4, b);
      break;
    case 'close':
      if (fd >= 0) files.splice(files.indexOf(fd), 1);
      if (fd >= 0) process.close(fd);
      break;
    case 'wait':
      bench.settle();
      break;
  }
}

test('whatever users do, in any order: no illegal command, no effect on the other VF, nothing left behind', () => {
  const donor = new Bench();
  const source = donor.open(0);
  source.device.write(0, 0x20, 4, 7);
  const stream = readAll(source, source.device.setState(STOP_COPY).dataFd).bytes;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), fc.nat(), (steps, seed) => {
      const bench = new Bench();
      const { memory, scheduler } = bench.machine.hardware;
      const pages = memory.extents.items.filter(({ owner }) => owner === `kernel:${bench.pf.name}`).length;
      const [user, other] = [bench.open(0), bench.open(1)];
      other.device.write(0, 0x20, 4, 0xabcd);
      const image = (): Uint8Array => {
        const { bytes } = readAll(other, other.device.setState(STOP_COPY).dataFd);
        other.device.setState(RUNNING);
        return bytes;
      };
      const before = image();
      const files: number[] = [];
      let failed = false;
      const noting = function* (kind: Step['kind'], call: Generator): Generator {
        const answer = yield* call;
        if (kind === 'state' && (answer === -ERRNO.EIO || answer === -ERRNO.ENODEV)) failed = true;
        return answer;
      };
      const choose = chooser(seed);
      scheduler.choose = (runnable) => choose(runnable.length);
      for (const one of steps) {
        for (const call of callsOf(bench, user, files, stream, one)) {
          if (typeof call === 'object') scheduler.spawn(one.kind, noting(one.kind, call) as never);
          for (let run = choose(12); run > 0; run--) scheduler.step();
        }
        for (const fd of user.process.files.open)
          if (user.process.file(fd)!.file.name === 'anon_inode:mlx5vf_mig' && !files.includes(fd)) files.push(fd);
      }
      bench.settle();
      for (const fd of files) user.process.close(fd);
      user.device.close();
      bench.settle();
      for (const thread of scheduler.threads) thread.interrupt();
      bench.settle();
      expect(scheduler.threads.map(({ name }) => name)).toEqual([]);
      // A save in error fails an arc after its suspend: later arcs suspend or resume it again, out of order, as
      // "What the kernel leaves open" says. Only the user's own VF may see that, and only after such a failure.
      const outOfOrder = ({ opcode, vhca }: IllegalCommand): boolean =>
        failed &&
        vhca === user.vf.abilities.vhcaId &&
        (opcode === OPCODE.SUSPEND_VHCA || opcode === OPCODE.RESUME_VHCA);
      expect(bench.card.illegal.filter((command) => !outOfOrder(command))).toEqual([]);
      expect(Buffer.compare(image(), before)).toBe(0);
      expect(bench.card.resources()).toEqual({ pd: 0, mkey: 0, cq: 0, qp: 0, tracker: 0, savesTracked: 0 });
      const left = memory.extents.items.filter(({ owner }) => owner === `kernel:${bench.pf.name}`).length;
      // Mailboxes stay with their command slots: at most one pair for each.
      expect(left - pages).toBeLessThanOrEqual(64);
      const vhca = new Set(
        bench.calls
          .filter(({ subject }) => subject === user.pdev.name)
          .flatMap(({ args }) => ('vhcaId' in args ? [args.vhcaId] : [])),
      );
      vhca.delete(user.vf.abilities.vhcaId);
      expect([...vhca]).toEqual([]);
    }),
    { numRuns: 300, seed: 1 },
  );
}, 60_000);
