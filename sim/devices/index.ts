/** The device models a machine description can name. */
import type { ModelTable } from '../hardware.ts';
import { edu } from './edu/model.ts';
import { mlx5Models } from './mlx5/index.ts';
import { sample } from './sample/model.ts';
import { testdev } from './testdev/model.ts';
import { virtioRng } from './virtio-rng/model.ts';

/** Says of each command to a card's firmware whether it fails, by its opcode: with a status, or undefined. */
export type CommandFailure = (opcode: number) => number | undefined;

/** Model factories by the name a description uses. */
export function builtInModels(failNext?: CommandFailure): ModelTable {
  const mlx5 = mlx5Models(failNext === undefined ? {} : { failNext });
  return { edu, ...mlx5, sample, testdev, 'virtio-rng': virtioRng };
}

/** The same, with firmware that never fails by itself. */
export const MODELS: ModelTable = builtInModels();
