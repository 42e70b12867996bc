/** Whole sessions in which calls fail again and again: once everything is closed, nothing is left of them. */
import { expect, test } from 'vitest';
import { Random } from '../../src/lab/random.ts';
import { ledgerDifference, ledgerOf } from '../../src/machine/index.ts';
import { MIG_STATE } from '../../src/uapi/vfio.ts';
import { GroupDesk, IOVA, migratableVf, PAGE } from './scenes.ts';

const STATES = Object.values(MIG_STATE).filter((state) => state !== MIG_STATE.ERROR);
const KINDS = ['allocation', 'copy', 'file'] as const;

test.each(Array.from({ length: 100 }, (_, seed) => seed))('session %i of an mlx5 VF leaves nothing', (seed) => {
  const random = new Random(seed);
  const pick = (n: number): number => random.below(n);
  const { desk, name } = migratableVf();
  const place = new GroupDesk(name, desk);
  const before = ledgerOf(desk.machine);
  const device = place.device();
  const { kernel } = desk.machine;
  const kind = KINDS[pick(KINDS.length)]!;
  let file = -1;
  const steps = [
    () => {
      const answer = device.setState(STATES[pick(STATES.length)]!);
      if (answer.result !== 0 || answer.dataFd < 0) return;
      if (file >= 0) desk.process.close(file);
      file = answer.dataFd;
    },
    () => file >= 0 && desk.process.read(file, desk.page, 1 + pick(2 * PAGE)),
    () => file >= 0 && device.precopyInfo(file),
    () => device.startLogging(IOVA, 16 * PAGE),
    () => device.reportLogging(IOVA, 16 * PAGE),
    () => device.stopLogging(),
    () => device.reset(),
  ];
  for (let step = 0; step < 12; step++) {
    if (pick(3) === 0) kernel.faults.arm(kind, 1 + pick(12));
    // Half of all steps change the state.
    steps[pick(2) * pick(steps.length)]!();
    if (pick(2) === 0) kernel.scheduler.settle();
  }
  kernel.faults.disarm();
  if (file >= 0) desk.process.close(file);
  device.close();
  kernel.scheduler.settle();
  expect(ledgerDifference(before, ledgerOf(desk.machine))).toEqual([]);
});
