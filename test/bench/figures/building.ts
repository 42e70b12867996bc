/** Building a machine, and a lab's world on one: two tenants with open devices. */
import { mlx5Machine } from '../../../sim/machines/mlx5.ts';
import { PLAIN } from '../../../src/lab/setting.ts';
import { subjectNamed } from '../../../src/lab/subject.ts';
import { World } from '../../../src/lab/world.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { mlx5 } from '../../../variants/mlx5/index.ts';
import type { Figure, Work } from '../figure.ts';

/** Keeps what was built alive until the next one. */
export const kept: { built: unknown } = { built: undefined };

const nothing: Work = {
  name: 'an object with an array of 64',
  amount: 1,
  run() {
    kept.built = { items: new Array<number>(64).fill(0) };
  },
};

export function buildingMachine(): Figure {
  return {
    name: 'building a machine (mlx5)',
    unit: 'µs',
    subject: {
      name: 'new Machine',
      amount: 1,
      run() {
        kept.built = new Machine(mlx5Machine, { variants: [mlx5] });
      },
    },
    baseline: nothing,
  };
}

export function buildingWorld(): Figure {
  const subject = subjectNamed('mlx5')!;
  return {
    name: 'building a world (mlx5)',
    unit: 'µs',
    subject: {
      name: 'new World',
      amount: 1,
      run() {
        kept.built = new World(subject, PLAIN, { secret: 1, fill: 0 });
      },
    },
    baseline: nothing,
  };
}
