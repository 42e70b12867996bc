import type { Undo } from './patch.ts';

/** A bug that really happened somewhere, planted again. */
export interface Defect {
  /** Number of the historical defect whose shape it has. */
  readonly id: string;
  readonly title: string;
  /** The variant whose campaign is to find it; mlx5 unless it says so. */
  readonly subject?: 'mtty';
  /** Where it is documented: a CVE, a commit. */
  readonly reference: string;
  /** Properties that may find it. */
  readonly properties: readonly string[];
  plant(): Undo;
}
