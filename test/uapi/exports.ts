/** What the modules with tables of the ABI export, found by walking them: nothing has to be remembered here. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Layout } from '../../src/uapi/layout.ts';
import { constantName, NAMES } from './names.ts';

const UAPI = resolve(import.meta.dirname, '../../src/uapi');
/** Files of the ABI's folder that are no tables of a measured header. */
const NO_TABLES: Readonly<Record<string, string>> = {
  'errno.ts': 'linux/errno.h is not among the measured headers',
  'index.ts': 'says again what the other files export',
  'layout.ts': 'the machinery of the tables',
};

/** A number with the name the header has for it; no name: nobody said where it comes from. */
export interface Constant {
  readonly place: string;
  readonly value: number;
  readonly name: string | undefined;
}

/** Everything one module exports. */
export interface Tables {
  readonly file: string;
  readonly layouts: readonly Layout[];
  readonly constants: readonly Constant[];
  /** Exports that are neither numbers nor layouts. */
  readonly strange: readonly string[];
  /** Names of constant groups, as exported. */
  readonly groups: readonly string[];
}

function isLayout(value: unknown): value is Layout {
  return typeof value === 'object' && value !== null && 'fields' in value && 'at' in value && 'size' in value;
}

function isGroup(value: unknown): value is Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((item) => typeof item === 'number');
}

/** The layouts in `value`, at any depth. */
export function layoutsIn(value: unknown): Layout[] {
  if (isLayout(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(layoutsIn) : [];
}

/** Sorts the exports of a module; `file` is its name in the table of names. */
export function tablesOf(file: string, exports: Readonly<Record<string, unknown>>): Tables {
  const layouts = new Set<Layout>();
  const constants: Constant[] = [];
  const strange: string[] = [];
  const groups: string[] = [];
  for (const [group, value] of Object.entries(exports)) {
    const place = `${file}: ${group}`;
    if (typeof value === 'number') {
      groups.push(group);
      constants.push({ place, value, name: NAMES[file]?.[group]?.name });
    } else if (isGroup(value)) {
      groups.push(group);
      for (const [key, number] of Object.entries(value))
        constants.push({ place: `${place}.${key}`, value: number, name: constantName(NAMES[file]?.[group], key) });
    } else {
      const found = layoutsIn(value);
      if (found.length === 0) strange.push(place);
      for (const layout of found) layouts.add(layout);
    }
  }
  return { file, layouts: [...layouts], constants, strange, groups };
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  return await import(/* @vite-ignore */ pathToFileURL(path).href);
}

/** The tables of src/uapi, whatever files there are, and of the PCI registers. */
export async function allTables(): Promise<Tables[]> {
  const files = readdirSync(UAPI).filter((file) => file.endsWith('.ts') && !(file in NO_TABLES));
  const tables = await Promise.all(files.map(async (file) => tablesOf(file, await load(resolve(UAPI, file)))));
  return [...tables, tablesOf('registers.ts', await import('../../sim/pci/registers.ts'))];
}
