import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ICM_WINDOW_AT, VF_REG } from '../../sim/devices/mlx5/vf-registers.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { Guest } from './guest.ts';
import { Migration, type Plan } from './migrate.ts';
import { Site, type Vm } from './site.ts';

const chunk = fc.oneof(fc.integer({ min: 16, max: 700 }), fc.integer({ min: 700, max: 0x4_0000 }));
const chunks = fc.array(chunk, { minLength: 1, maxLength: 4 });
const plan: fc.Arbitrary<Plan> = fc.record({
  reads: chunks,
  writes: chunks,
  rounds: fc.array(fc.record({ jobs: fc.integer({ min: 1, max: 12 }), turns: fc.nat(5) }), {
    minLength: 1,
    maxLength: 3,
  }),
  p2p: fc.boolean(),
});

/** State that is not queues: scratch registers, and device memory through its window. */
function dress(vm: Vm, salt: number): void {
  for (let at = 0; at < 32; at += 4) vm.device.write(0, VF_REG.SCRATCH + at, 4, salt * 1000 + at);
  for (let page = 0; page < 6; page++) vm.device.write(0, ICM_WINDOW_AT + page * 0x2000, 4, salt * 77 + page);
}

function visible(vm: Vm): number[] {
  const seen: number[] = [];
  for (let at = 0; at < 0x200; at += 4) seen.push(vm.device.read(0, at, 4));
  for (let page = 0; page < 16; page++) seen.push(vm.device.read(0, ICM_WINDOW_AT + page * 0x1000, 4));
  return seen;
}

const signals = (vm: Vm): number => vm.events.reduce((sum, event) => sum + Number(event.count), 0);

// covers: MG03 MG12
test('a VF at work moves to another machine, and no completion is lost, doubled or out of order', () => {
  fc.assert(
    fc.property(plan, fc.nat(20), (how, warmup) => {
      const [source, target] = [new Site(2), new Site(3)];
      const guest = new Guest(source.vm(1));
      dress(guest.vm, warmup + 1);
      for (let i = 0; i < warmup; i++) {
        guest.post(i % 2);
        source.turn(2);
        guest.poll();
      }
      const migration = new Migration(guest, target.vm(2), how);
      migration.save();
      migration.load();
      // What was posted before goes on without another doorbell.
      target.settle();
      guest.conclude();
      for (let i = 0; i < 24; i++) {
        guest.post(i % 2);
        target.turn(3);
        guest.poll();
      }
      target.settle();
      guest.conclude();
      expect([...migration.wrong, ...guest.wrong]).toEqual([]);
      expect(signals(migration.source) + signals(migration.target)).toBe(guest.seen[0]! + guest.seen[1]!);
      expect([...source.card.illegal, ...target.card.illegal]).toEqual([]);
      migration.source.device.close();
      expect(source.card.resources()).toMatchObject({ pd: 0, mkey: 0, tracker: 0, savesTracked: 0 });
    }),
    { numRuns: 30 },
  );
});

test('the target shows what the stopped source shows, and what neither shows goes on too', () => {
  // Another VF, whose card made it another secret key.
  const [source, target] = [new Site(), new Site(2)];
  const guest = new Guest(source.vm());
  dress(guest.vm, 5);
  for (let i = 0; i < 12; i++) guest.post(i % 2);
  source.settle();
  const migration = new Migration(guest, target.vm(1), { reads: [4096], writes: [100], rounds: [], p2p: false });
  migration.save();
  const before = visible(migration.source);
  // Loaded, and not yet running: nothing has moved on.
  const stream = migration.bytes;
  const { dataFd } = migration.target.device.setState(MIG_STATE.RESUMING);
  expect(migration.target.write(dataFd, stream)).toBe(stream.length);
  expect(visible(migration.target)).toEqual(before);
  expect(migration.target.device.setState(MIG_STATE.STOP).result).toBe(0);
  expect(visible(migration.target)).toEqual(before);
  // Sequence numbers and the secret key are in no register: the state the target saves again has them.
  const [first, again] = [migration.source, migration.target].map((vm) => {
    vm.device.setState(MIG_STATE.STOP);
    return vm.readAll(vm.device.setState(MIG_STATE.STOP_COPY).dataFd).bytes;
  });
  expect(Buffer.compare(first!, again!)).toBe(0);
  expect(migration.wrong).toEqual([]);
});
