/** Where a corpus begins: scenarios of a campaign, which reach further than bytes that are chosen blindly. */
import { generating } from '../generate.ts';
import { caseSeed } from '../random.ts';
import { runCase } from '../run-case.ts';
import { TWINS, type Twin } from '../scenario.ts';
import { SettingPool } from '../setting-pool.ts';
import type { Subject } from '../subject.ts';
import { keptWorlds } from '../worlds.ts';
import { encode } from './encode.ts';

/** `count` scenarios in the corpus format; the same ones for the same seed. */
export function* seedsOf(subject: Subject, count: number, seed = 1): Generator<Buffer> {
  const worlds = keptWorlds(subject);
  const settings = new SettingPool(subject.factors, seed);
  for (let index = 0; index < count; index++) {
    const own = caseSeed(seed, index);
    const frame = { seed: own, twin: twinAt(index), setting: settings.at(index) };
    const { scenario } = runCase(worlds, frame, generating(own));
    // Nothing depends on the seed of a scenario, so an engine need not mutate it.
    yield encode({ ...scenario, seed: 0 }, subject);
  }
}

const twinAt = (index: number): Twin => TWINS[index % TWINS.length]!;
