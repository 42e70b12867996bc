/** Errnos that a variant's declarations allow for a refused stream: its safeguards, and what LOAD may answer. */
import { ERRNO } from '../../uapi/errno.ts';
import type { VariantDeclaration } from '../../variant/variant.ts';

export function declaredErrnos({ formats, safeguards, parent }: VariantDeclaration): ReadonlySet<number> {
  return new Set([
    ...formats.flatMap((format) => format.safeguards.map(({ errno }) => errno)),
    ...safeguards.map(({ errno }) => errno),
    ...(parent?.interactions['load']?.errors ?? []).map(({ errno }) => ERRNO[errno]),
  ]);
}
