import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import { endLineOf, type Finding, lineOf, type Sources, walk } from './source.ts';

/** About 400 lines: beyond it a file is telling that a concept is missing. */
export const MAX_FILE_LINES = 420;
/** About 70 lines, for functions. */
export const MAX_FUNCTION_LINES = 75;

const FUNCTIONS = new Set<SyntaxKind>([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

/** Long files and long functions in the source of packages. */
export function checkSize(
  sources: Sources,
  exceptions: {
    readonly files: ReadonlyMap<string, string>;
    readonly functions: ReadonlyMap<string, string>;
  },
): readonly Finding[] {
  const findings: Finding[] = [];
  const longFiles = new Set<string>();
  const longFunctions = new Set<string>();
  for (const [file, source] of sources) {
    if (!/^packages\/[^/]+\/(src|page)\//.test(file)) continue;
    const lines = source.text.split('\n').length - 1;
    if (lines > MAX_FILE_LINES) {
      longFiles.add(file);
      if (!exceptions.files.has(file)) {
        findings.push({ file, line: 1, message: `${lines} lines; at most ${MAX_FILE_LINES}` });
      }
    }
    walk(source, (node) => {
      if (!FUNCTIONS.has(node.kind)) return;
      const line = lineOf(source, node);
      const length = endLineOf(source, node) - line + 1;
      if (length <= MAX_FUNCTION_LINES) return;
      const name = functionName(node);
      longFunctions.add(`${file}:${name}`);
      if (exceptions.functions.has(`${file}:${name}`)) return;
      findings.push({
        file,
        line,
        message: `the function ${name} has ${length} lines; at most ${MAX_FUNCTION_LINES}`,
      });
    });
  }
  const stale = [
    ...[...exceptions.files.keys()].filter((file) => !longFiles.has(file)),
    ...[...exceptions.functions.keys()].filter((name) => !longFunctions.has(name)),
  ];
  for (const name of stale)
    findings.push({ file: name, line: 1, message: 'is an exception that is no longer needed' });
  return findings;
}

function functionName(node: Node): string {
  const { name, parent } = node as Node & {
    name?: { text?: string };
    parent?: Node & { name?: { text?: string } };
  };
  return (
    name?.text ?? parent?.name?.text ?? (node.kind === SyntaxKind.Constructor ? 'constructor' : '(unnamed)')
  );
}
