import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import { type Finding, lineOf, type Sources, walk } from './source.ts';

const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 'bench']);
const ALWAYS_WRONG = new Set(['only', 'skip', 'todo', 'fails']);
/** Fair only where a test needs a program that the machine may not have. */
const CONDITIONAL = new Set(['skipIf', 'runIf']);

/** Tests that are focused, skipped or missing prove nothing. */
export function checkTests(sources: Sources): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [file, source] of sources) {
    if (!file.endsWith('.test.ts')) continue;
    walk(source, (node) => {
      if (node.kind !== SyntaxKind.PropertyAccessExpression) return;
      const name = (node as Node & { name: { text: string } }).name.text;
      const wrong = ALWAYS_WRONG.has(name) || (CONDITIONAL.has(name) && !file.includes('/e2e/'));
      if (!wrong || !RUNNERS.has(rootName(node))) return;
      findings.push({ file, line: lineOf(source, node), message: `.${name} is not allowed in tests` });
    });
  }
  return findings;
}

function rootName(node: Node): string {
  let current: Node & { expression?: Node; text?: string } = node;
  while (current.expression !== undefined) current = current.expression;
  return current.text ?? '';
}
