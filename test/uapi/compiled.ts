/** Measures the headers of this computer with its C compiler. They may be older than the tables: what they lack is left out. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Layout } from '../../src/uapi/layout.ts';

/** What the tables have, by the names of one header. */
export interface Wanted {
  readonly header: string;
  readonly constants: ReadonlySet<string>;
  readonly layouts: readonly Layout[];
}

export interface CompiledField {
  readonly offset: number;
  readonly size: number;
}

/** A struct as compiled; `size` is undefined where the header's struct lacks fields, and so may be shorter. */
export interface CompiledStruct {
  readonly size: number | undefined;
  readonly fields: ReadonlyMap<string, CompiledField>;
}

export interface Compiled {
  /** LINUX_VERSION_CODE, or 0 where nobody says it. */
  readonly version: number;
  readonly constants: ReadonlyMap<string, bigint>;
  readonly structs: ReadonlyMap<string, CompiledStruct>;
}

/** The first C compiler that answers. */
export function findCompiler(): string | undefined {
  return ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
}

/** The header after preprocessing, and the names of the macros it has; undefined where there is no such header. */
function preprocess(compiler: string, header: string): { text: string; macros: ReadonlySet<string> } | undefined {
  const run = (...options: string[]): string | undefined => {
    const input = `#include <${header}>\n`;
    const { status, stdout } = spawnSync(compiler, [...options, '-E', '-P', '-xc', '-'], { input, encoding: 'utf8' });
    return status === 0 ? stdout : undefined;
  };
  const [text, macros] = [run(), run('-dM')];
  if (text === undefined || macros === undefined) return undefined;
  return { text, macros: new Set([...macros.matchAll(/^#define (\w+)\s/gm)].map(([, name]) => name!)) };
}

/** What stands between the braces of `struct name`, those of structs and unions within included. */
export function structBody(text: string, name: string): string | undefined {
  const start = new RegExp(`\\bstruct\\s+${name}\\s*\\{`).exec(text);
  if (start === null) return undefined;
  const from = start.index + start[0].length;
  let at = from;
  for (let depth = 1; depth > 0 && at < text.length; at++) depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0;
  return text.slice(from, at - 1);
}

const has = (text: string, word: string): boolean => new RegExp(`\\b${word}\\b`).test(text);

/** Which Linux the headers are of, where they say it. The header has macros only, so it can stand in a function. */
const VERSION = [
  '#if __has_include(<linux/version.h>)',
  '#include <linux/version.h>',
  '#endif',
  '#ifdef LINUX_VERSION_CODE',
  '  printf("version %d\\n", LINUX_VERSION_CODE);',
  '#endif',
];

/** The lines of a program that prints what the header has of what is wanted. */
export function programFor(wanted: Wanted, text: string, macros: ReadonlySet<string>): string {
  const lines = ['#include <stddef.h>', '#include <stdio.h>', `#include <${wanted.header}>`, 'int main(void) {'];
  // A constant is a macro or a member of an enumeration; the latter is seen in the text only.
  for (const name of wanted.constants)
    if (macros.has(name) || has(text, name))
      lines.push(`  printf("constant ${name} %llu\\n", (unsigned long long)(${name}));`);
  for (const { name, fields } of wanted.layouts) {
    const body = structBody(text, name);
    if (body === undefined) continue;
    const present = fields.filter((field) => has(body, field.name));
    const size = present.length === fields.length ? `sizeof(struct ${name})` : '0';
    lines.push(`  printf("struct ${name} %zu\\n", (size_t)${size});`);
    for (const field of present) {
      const member = `(((struct ${name} *)0)->${field.name})`;
      lines.push(
        `  printf("field ${name} ${field.name} %zu %zu\\n", offsetof(struct ${name}, ${field.name}), sizeof${member});`,
      );
    }
  }
  return [...lines, ...VERSION, '  return 0;', '}', ''].join('\n');
}

/** Compiles and runs; undefined where there is no such header. Throws what the compiler says. */
export function compileHeader(compiler: string, wanted: Wanted): Compiled | undefined {
  const found = preprocess(compiler, wanted.header);
  if (found === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-uapi-'));
  try {
    const [source, program] = [join(folder, 'uapi.c'), join(folder, 'uapi')];
    writeFileSync(source, programFor(wanted, found.text, found.macros));
    const { status, stderr } = spawnSync(compiler, ['-o', program, source], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${readFileSync(source, 'utf8')}\n${stderr}`);
    return parse(spawnSync(program, { encoding: 'utf8' }).stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parse(output: string): Compiled {
  const constants = new Map<string, bigint>();
  const structs = new Map<string, { size: number | undefined; fields: Map<string, CompiledField> }>();
  let version = 0;
  for (const line of output.split('\n')) {
    const [kind, name = '', first = '', second, third] = line.split(' ');
    if (kind === 'version') version = Number(name);
    else if (kind === 'constant') constants.set(name, BigInt(first));
    else if (kind === 'struct') structs.set(name, { size: Number(first) || undefined, fields: new Map() });
    else if (kind === 'field') structs.get(name)!.fields.set(first, { offset: Number(second), size: Number(third) });
  }
  return { version, constants, structs };
}
