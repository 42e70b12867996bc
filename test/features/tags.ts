/** Reads `// covers: FD02 GP10` above tests, from the source text alone: nothing is run. */
import ts from 'typescript';
import type { Evidence } from './data.ts';

export interface Tags {
  readonly tests: readonly Evidence[];
  /** Tags that say nothing, each as a sentence. */
  readonly faults: readonly string[];
}

const TAG = /^\s*\/\/ covers:(.*)$/;
const TEST_FUNCTIONS = new Set(['test', 'it', 'describe']);
/** Tests that do not run show nothing. */
const NOT_RUN = new Set(['skip', 'todo', 'fails']);

interface Call {
  readonly title: string;
  readonly runs: boolean;
}

/** `test(...)`, `it.each(...)(...)`, `describe.each(...)(...)`: the title as written, or nothing for another call. */
function testCall(node: ts.CallExpression): Call | undefined {
  let callee: ts.Expression = node.expression;
  let runs = true;
  while (!ts.isIdentifier(callee)) {
    if (ts.isPropertyAccessExpression(callee)) {
      if (NOT_RUN.has(callee.name.text)) runs = false;
      callee = callee.expression;
    } else if (ts.isCallExpression(callee)) callee = callee.expression;
    else return undefined;
  }
  const [title] = node.arguments;
  if (!TEST_FUNCTIONS.has(callee.text) || title === undefined) return undefined;
  return { title: ts.isStringLiteralLike(title) ? title.text : title.getText(), runs };
}

export function readTags(file: string, text: string): Tags {
  const lines = text.split('\n');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const tests: Evidence[] = [];
  const faults: string[] = [];
  const used = new Set<number>();

  const visit = (node: ts.Node, path: readonly string[]): void => {
    let inner = path;
    if (ts.isCallExpression(node)) {
      const call = testCall(node);
      if (call !== undefined) {
        inner = [...path, call.title];
        const above = source.getLineAndCharacterOfPosition(node.getStart()).line - 1;
        const tag = TAG.exec(lines[above] ?? '');
        if (tag !== null && !used.has(above)) {
          used.add(above);
          const ids = tag[1]!.trim().split(/\s+/);
          if (call.runs) tests.push({ file, name: inner.join(' > '), ids });
          else faults.push(`${file}:${above + 1} tags a test that does not run.`);
        }
      }
    }
    ts.forEachChild(node, (child) => visit(child, inner));
  };
  visit(source, []);

  for (const [index, line] of lines.entries())
    if (TAG.test(line) && !used.has(index)) faults.push(`${file}:${index + 1} is a tag that stands above no test.`);
  return { tests, faults };
}
