/** The device models a machine description can name. */
import type { ModelTable } from '../hardware.ts';
import { edu } from './edu/model.ts';
import { mlx5Models } from './mlx5/index.ts';
import { sample } from './sample/model.ts';
import { testdev } from './testdev/model.ts';
import { virtioRng } from './virtio-rng/model.ts';

/** Model factories by the name a description uses. */
export const MODELS: ModelTable = { edu, ...mlx5Models(), sample, testdev, 'virtio-rng': virtioRng };
