/** Where a safeguard stands, by the declaration of its driver: fields, arguments, regions, inputs. */
import type { Argument } from './argument.ts';
import type { Interaction } from './interaction.ts';
import type { AnySafeguard } from './safeguard.ts';
import type { VariantDeclaration } from './variant.ts';

/** What is said of a safeguard that stands at no declared place. */
const ELSEWHERE = 'inside the driver';

/** The places of one safeguard in words; never empty. */
export function placesOf({ parent, formats, regions, inputs }: VariantDeclaration, guard: AnySafeguard): string[] {
  const stands = ({ safeguards }: { readonly safeguards: readonly AnySafeguard[] }): boolean =>
    safeguards.includes(guard);
  const places = formats.flatMap((format) => {
    const rows = format.rows.filter(stands).map(({ part, name }) => `field ${part}.${name}`);
    // A check of a record as a whole has no row.
    return rows.length === 0 && stands(format) ? [`a record of the ${format.name}`] : rows;
  });
  for (const [name, interaction] of Object.entries<Interaction>(parent?.interactions ?? {}))
    for (const [argument, about] of Object.entries<Argument>(interaction.arguments))
      if (stands(about)) places.push(`argument ${name}(${argument})`);
  places.push(...regions.filter(stands).map(({ region }) => `region ${region}`));
  places.push(...inputs.filter(stands).map(({ name }) => `input ${name}`));
  return places.length > 0 ? places : [ELSEWHERE];
}
