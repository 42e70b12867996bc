/** A defect that is planted for a while, to see whether a campaign finds it. */

/** Undoes what was planted. */
export type Undo = () => void;

/** A bug that really happened somewhere, planted again by patching a seam of the code. */
export interface Defect {
  /** Number of the historical defect whose shape it has. */
  readonly id: string;
  readonly title: string;
  /** The subject whose campaign is to find it; mlx5 unless it says so. */
  readonly subject?: string;
  /** Where it is documented: a CVE, a commit. */
  readonly reference: string;
  /** Properties that may find it. */
  readonly properties: readonly string[];
  plant(): Undo;
}

/** A known defect that is not planted, and why. */
export interface LeftOut {
  readonly id: string;
  readonly reason: string;
}
