/** Joins features, tests, recordings and reasons, and tells what does not fit. */
import type { Evidence, Feature, MatrixData } from './data.ts';

export type State = 'tested' | 'not modelled' | 'unaccounted';

export interface Entry {
  readonly feature: Feature;
  readonly state: State;
  /** Why nothing shows it. */
  readonly reason: string;
  readonly shownBy: readonly Evidence[];
}

export interface Matrix {
  readonly entries: readonly Entry[];
  /** Each a sentence; none means that every feature is accounted for. */
  readonly problems: readonly string[];
}

export function buildMatrix(data: MatrixData): Matrix {
  const problems = [...data.faults];
  const known = new Set(data.features.map(({ id }) => id));
  if (known.size !== data.features.length) problems.push('The table has an id twice.');
  const where = (evidence: Evidence) => (evidence.name === '' ? evidence.file : `${evidence.file}, "${evidence.name}"`);
  for (const evidence of data.evidence)
    for (const id of evidence.ids)
      if (!known.has(id)) problems.push(`${id || 'An empty tag'} is no id of the table: ${where(evidence)}.`);
  for (const [id, reason] of data.notModelled) {
    if (!known.has(id)) problems.push(`${id} is no id of the table: not-modelled.md.`);
    if (!reason) problems.push(`${id} has no reason in not-modelled.md.`);
  }

  const entries = data.features.map((feature): Entry => {
    const { id } = feature;
    const shownBy = data.evidence.filter(({ ids }) => ids.includes(id));
    const states: [State, string][] = [];
    if (shownBy.length > 0) states.push(['tested', '']);
    if (data.notModelled.has(id)) states.push(['not modelled', data.notModelled.get(id)!]);
    if (states.length === 0)
      problems.push(
        `${id} (${feature.feature}) is shown by no test, and nothing says why: tag a test, or give a reason.`,
      );
    if (states.length > 1)
      problems.push(`${id} (${feature.feature}) is ${states.map(([state]) => state).join(' and ')} at once.`);
    const [state, reason] = states[0] ?? ['unaccounted', 'shown by no test'];
    return { feature, state, reason, shownBy };
  });
  return { entries, problems };
}
