/** A ConnectX-like card: a PF with firmware that can suspend, save, load and track its VFs, and the VFs. */
import type { ModelTable } from '../../hardware.ts';
import type { ModelFactory } from '../../pci/model.ts';
import { type ModelOptions, settle } from './options.ts';
import { PfModel } from './pf.ts';

const makeVf: ModelFactory = (ports, physical) => {
  if (!(physical instanceof PfModel)) throw new Error('mlx5-vf is a VF of mlx5-pf');
  return physical.makeVf(ports);
};

/** The models under the names the descriptions use. */
export function mlx5Models(options: ModelOptions = {}): ModelTable {
  const settings = settle(options);
  return { 'mlx5-pf': (ports) => new PfModel(ports, settings), 'mlx5-vf': makeVf };
}

export { mlx5Slot, PF_DESCRIPTION, VF_DESCRIPTION } from './description.ts';
export type { IllegalCommand } from './firmware.ts';
export type { Capabilities, Limits, ModelOptions } from './options.ts';
export type { TouchListener } from './partitions.ts';
export { PfModel, type ResourceCounts } from './pf.ts';
export { VfModel } from './vf.ts';
