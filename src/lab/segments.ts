/**
 * The cases of a campaign in segments. What guides a campaign is what it met before, so the cases of one segment follow
 * from each other. Nothing but the seed goes from segment to segment: each can be run without the others.
 */

/** Cases of a segment: enough to learn from, and few enough that the parts of a short campaign are even. */
export const LENGTH = 256;

/** Every `step`-th segment from number `first` on. */
export interface Slice {
  readonly first: number;
  readonly step: number;
}

/** The whole campaign. */
export const WHOLE: Slice = { first: 0, step: 1 };

/** Part `number` of `of` of a slice, counted from 0. */
export const partOf = ({ first, step }: Slice, number: number, of: number): Slice => ({
  first: first + step * number,
  step: step * of,
});

/** The segment that a case is in. */
export const segmentOf = (index: number): number => Math.floor(index / LENGTH);

/** The first case of the segment that a case is in. */
export const segmentStart = (index: number): number => segmentOf(index) * LENGTH;

/** The first case behind the segment that a case is in. */
export const segmentEnd = (index: number): number => (segmentOf(index) + 1) * LENGTH;

/** The first case of a slice from `index` on. */
export function nextIn({ first, step }: Slice, index: number): number {
  const segment = segmentOf(index);
  const ahead = (((first - segment) % step) + step) % step;
  return ahead === 0 ? index : (segment + ahead) * LENGTH;
}
