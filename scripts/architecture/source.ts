import { API } from 'typescript/unstable/sync';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';

/** Something that breaks a rule, and where. */
export interface Finding {
  /** Relative to the root of the repository. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

/** Parsed TypeScript files by their path relative to the root of the repository. */
export type Sources = ReadonlyMap<string, SourceFile>;

/** Where the parser sees the files; nothing is read from or written to this folder. */
const VIRTUAL_ROOT = '/repository';

/** Parses TypeScript with the compiler itself. */
export function parseSources(texts: ReadonlyMap<string, string>): Sources {
  const files: Record<string, string> = {};
  for (const [path, text] of texts) files[`${VIRTUAL_ROOT}/${path}`] = text;
  const config = `${VIRTUAL_ROOT}/tsconfig.json`;
  files[config] = JSON.stringify({
    compilerOptions: {
      noResolve: true,
      noLib: true,
      types: [],
      allowImportingTsExtensions: true,
      noEmit: true,
    },
    files: [...texts.keys()],
  });
  const api = new API({ cwd: VIRTUAL_ROOT, fs: createVirtualFileSystem(files) });
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    const sources = new Map<string, SourceFile>();
    for (const path of texts.keys()) {
      const source = project?.program.getSourceFile(`${VIRTUAL_ROOT}/${path}`);
      if (source === undefined) throw new Error(`${path} could not be parsed`);
      sources.set(path, source);
    }
    return sources;
  } finally {
    api.close();
  }
}

/** Calls `visit` for the node and everything below it. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => {
    walk(child, visit);
    return undefined;
  });
}

/** The 1-based line on which a node begins, its comments not counted. */
export function lineOf(source: SourceFile, node: Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

/** The 1-based line on which a node ends. */
export function endLineOf(source: SourceFile, node: Node): number {
  return source.getLineAndCharacterOfPosition(node.end).line + 1;
}

/** A module that a file imports or re-exports. */
export interface ImportedModule {
  readonly specifier: string;
  readonly line: number;
  /** True when only types are taken from it, so that nothing is loaded when the program runs. */
  readonly isTypeOnly: boolean;
  /** Names that are imported as values; empty for namespace, default and dynamic imports. */
  readonly names: readonly string[];
}

/** All modules that a file imports: `import`, `export … from`, `import()`. */
export function importedModules(source: SourceFile): readonly ImportedModule[] {
  const modules: ImportedModule[] = [];
  walk(source, (node) => {
    const found = importOf(node);
    if (found !== undefined) modules.push({ ...found, line: lineOf(source, node) });
  });
  return modules;
}

interface ModuleNode {
  readonly moduleSpecifier?: Node & { readonly text?: string };
  readonly isTypeOnly?: boolean;
  readonly importClause?: ClauseNode;
  readonly expression?: Node;
  readonly arguments?: readonly (Node & { readonly text?: string })[];
}

interface ClauseNode {
  readonly isTypeOnly?: boolean;
  readonly phaseModifier?: SyntaxKind;
  readonly name?: Node;
  readonly namedBindings?: Node & { readonly elements?: readonly SpecifierNode[] };
}

interface SpecifierNode {
  readonly isTypeOnly?: boolean;
  readonly propertyName?: { readonly text: string };
  readonly name: { readonly text: string };
}

function importOf(node: Node): Omit<ImportedModule, 'line'> | undefined {
  const shape = node as Node & ModuleNode;
  const specifier = shape.moduleSpecifier?.text;
  switch (node.kind) {
    case SyntaxKind.ImportDeclaration: {
      if (specifier === undefined) return undefined;
      const clause = shape.importClause;
      const elements = clause?.namedBindings?.elements ?? [];
      const names = elements
        .filter((element) => element.isTypeOnly !== true)
        .map((element) => (element.propertyName ?? element.name).text);
      const isTypeOnly = clause?.isTypeOnly === true || clause?.phaseModifier === SyntaxKind.TypeKeyword;
      return { specifier, isTypeOnly, names: isTypeOnly ? [] : names };
    }
    case SyntaxKind.ExportDeclaration:
      return specifier === undefined
        ? undefined
        : { specifier, isTypeOnly: shape.isTypeOnly === true, names: [] };
    case SyntaxKind.CallExpression: {
      if (shape.expression?.kind !== SyntaxKind.ImportKeyword) return undefined;
      const text = shape.arguments?.[0]?.text;
      return text === undefined ? undefined : { specifier: text, isTypeOnly: false, names: [] };
    }
    default:
      return undefined;
  }
}
