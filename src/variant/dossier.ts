/**
 * The dossier: what the kernel's acceptance criteria for device-specific vfio-pci drivers ask an author to explain
 * (Documentation/driver-api/vfio-pci-device-specific-driver-acceptance.rst), produced from declarations alone: parent
 * interactions, how migration data is composed and consumed, what a user could not reach otherwise, safeguards.
 */
import type { Argument } from './argument.ts';
import type { FormatRow, MigrationFormat } from './format.ts';
import type { Interaction } from './interaction.ts';
import type { AnySafeguard } from './safeguard.ts';
import type { VariantDeclaration } from './variant.ts';

/** One argument of an interaction. */
export interface DossierArgument {
  readonly name: string;
  readonly type: string;
  readonly source: string;
  readonly meaning: string;
  /** Names of the safeguards, or who checks it. */
  readonly protection: string;
}

/** One interaction with the parent. */
export interface DossierInteraction {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly DossierArgument[];
  readonly returns: string;
  readonly scope: readonly string[];
  readonly errors: readonly { readonly when: string; readonly errno: string }[];
  readonly reference: string;
  readonly approvals: readonly string[];
}

/** One row of a format’s table. */
export interface DossierField {
  readonly part: string;
  readonly offset: number | null;
  readonly size: number | string;
  readonly name: string;
  readonly meaning: string;
  readonly producer: string;
  readonly userVisible: string | false;
  readonly constraint: string;
  readonly safeguards: readonly string[];
}

/** One migration format. */
export interface DossierFormat {
  readonly name: string;
  readonly summary: string;
  readonly compatibility: string;
  readonly order: readonly string[];
  readonly fields: readonly DossierField[];
}

/** One safeguard. */
export interface DossierSafeguard {
  readonly name: string;
  readonly checks: string;
  readonly errno: string;
  /** Why nothing would be lost without it; null: something would. */
  readonly redundant: string | null;
}

/** Everything a reviewer needs, JSON-shaped. */
export interface Dossier {
  readonly driver: string;
  readonly title: string;
  readonly summary: string;
  readonly ids: readonly string[];
  readonly overrides: readonly { readonly callback: string; readonly why: string }[];
  readonly migration: {
    readonly flags: readonly string[];
    readonly dirtyLogging: boolean;
    readonly consumption: string;
  };
  readonly parent: {
    readonly name: string;
    readonly driver: string;
    readonly summary: string;
    readonly identity: string;
  } | null;
  readonly interactions: readonly DossierInteraction[];
  readonly formats: readonly DossierFormat[];
  /** Parts of the stream with no other way to the user. */
  readonly notOtherwiseVisible: readonly string[];
  /** Doors through which user bytes pass unchecked by the driver. */
  readonly opaqueDoors: readonly string[];
  readonly regions: readonly {
    readonly region: string;
    readonly change: string;
    readonly safeguards: readonly string[];
  }[];
  readonly inputs: readonly {
    readonly name: string;
    readonly meaning: string;
    readonly safeguards: readonly string[];
  }[];
  readonly safeguards: readonly DossierSafeguard[];
}

const FLAG_NAMES = ['STOP_COPY', 'P2P', 'PRE_COPY'] as const;

/** Builds the dossier of a variant. */
export function dossierOf(declaration: VariantDeclaration): Dossier {
  const { parent, formats } = declaration;
  const interactions = Object.entries(parent?.interactions ?? {}).map(interactionEntry);
  return {
    driver: declaration.driver,
    title: declaration.title,
    summary: declaration.summary,
    ids: declaration.ids.map(({ vendor, device }) => `${hex4(vendor)}:${hex4(device)}`),
    overrides: declaration.overrides,
    migration: {
      flags: FLAG_NAMES.filter((_, bit) => declaration.migrationFlags & (1 << bit)),
      dirtyLogging: declaration.dirtyLogging,
      consumption: declaration.consumption,
    },
    parent: parent
      ? { name: parent.name, driver: parent.driver, summary: parent.summary, identity: parent.identity }
      : null,
    interactions,
    formats: formats.map(formatEntry),
    notOtherwiseVisible: formats.flatMap((format) =>
      format.rows.filter((row) => row.userVisible === false).map(rowName),
    ),
    opaqueDoors: interactions.flatMap((entry) =>
      entry.arguments
        .filter((arg) => arg.source === 'opaque')
        .map((arg) => `${entry.name}(${arg.name}): ${arg.protection}`),
    ),
    regions: declaration.regions.map((entry) => ({ ...entry, safeguards: names(entry.safeguards) })),
    inputs: declaration.inputs.map((entry) => ({ ...entry, safeguards: names(entry.safeguards) })),
    safeguards: allSafeguards(declaration).map(({ name, checks, errnoName, redundant }) => ({
      name,
      checks,
      errno: errnoName,
      redundant: redundant ?? null,
    })),
  };
}

/** Every safeguard the declaration mentions, each once. */
export function allSafeguards(declaration: VariantDeclaration): AnySafeguard[] {
  const found = new Set<AnySafeguard>(declaration.safeguards);
  for (const interaction of Object.values<Interaction>(declaration.parent?.interactions ?? {}))
    for (const arg of Object.values<Argument>(interaction.arguments))
      for (const guard of arg.safeguards) found.add(guard);
  for (const format of declaration.formats) for (const guard of format.safeguards) found.add(guard);
  for (const { safeguards } of [...declaration.regions, ...declaration.inputs])
    for (const guard of safeguards) found.add(guard);
  return [...found];
}

function interactionEntry([name, interaction]: [string, Interaction]): DossierInteraction {
  const { summary, returns, scope, errors, reference, approvals } = interaction;
  const args = Object.entries<Argument>(interaction.arguments).map(
    ([arg, { type, source, meaning, safeguards, checkedBy }]) => ({
      name: arg,
      type,
      source,
      meaning,
      protection: checkedBy ?? (safeguards.length > 0 ? names(safeguards).join(', ') : 'none needed'),
    }),
  );
  return {
    name,
    summary,
    arguments: args,
    returns: returns.meaning,
    scope,
    errors,
    reference,
    approvals: approvals ?? [],
  };
}

function formatEntry({ name, summary, compatibility, order, rows }: MigrationFormat): DossierFormat {
  const fields = rows.map((row) => ({ ...row, offset: row.offset ?? null, safeguards: names(row.safeguards) }));
  return { name, summary, compatibility, order, fields };
}

function rowName({ part, name, meaning }: FormatRow): string {
  return `${part}.${name}: ${meaning}`;
}

function names(guards: readonly AnySafeguard[]): string[] {
  return guards.map((guard) => guard.name);
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, '0');
}
