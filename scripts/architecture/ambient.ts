import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { type Finding, importedModules, lineOf, type Sources, walk } from './source.ts';

/** Folders that stand at the rim, where effects belong. */
const RIM = new Set(['adapters', 'server', 'http', 'outbound', 'cli']);

const MODULES =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|dns\/promises|timers|timers\/promises|child_process)$/;
/** Of those modules, what computes and has no effect. */
const PURE_NAMES = new Set(['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress']);
const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const MEMBERS = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'crypto.getRandomValues',
  'crypto.randomUUID',
]);
const RANDOM_NAMES = new Set(['randomBytes', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues']);

/** Of the page, the model is pure; the rest is what a browser is for. */
const PAGE_MODEL = /^packages\/[^/]+\/page\/model\//;

/** True for files that are at the rim by where they stand. */
export function isRim(file: string): boolean {
  if (PAGE_MODEL.test(file)) return false;
  const match = /^packages\/([^/]+)\/src\/(.*)$/.exec(file);
  if (match === null) return !file.startsWith('simulation/');
  return (
    match[1] === 'muster' ||
    (match[2] as string)
      .split('/')
      .slice(0, -1)
      .some((part) => RIM.has(part))
  );
}

/**
 * Clocks, timers, randomness, files and sockets of the host are used only at the rim; everything else is handed a port
 * (DESIGN section 2). `exceptions` are further files that may, with the reason.
 */
export function checkAmbient(sources: Sources, exceptions: ReadonlyMap<string, string>): readonly Finding[] {
  const findings: Finding[] = [];
  const needed = new Set<string>();
  for (const [file, source] of sources) {
    if (isRim(file)) continue;
    const found = ambientUses(file, source);
    if (exceptions.has(file)) {
      if (found.length > 0) needed.add(file);
    } else findings.push(...found);
  }
  for (const file of exceptions.keys()) {
    if (!needed.has(file))
      findings.push({ file, line: 1, message: 'is an exception that is no longer needed' });
  }
  return findings;
}

function ambientUses(file: string, source: SourceFile): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (line: number, what: string): void =>
    void findings.push({ file, line, message: `${what} belongs in an adapter; take a port instead` });
  for (const { specifier, line, isTypeOnly, names } of importedModules(source)) {
    const isPure = names.length > 0 && names.every((name) => PURE_NAMES.has(name));
    if (!isTypeOnly && !isPure && MODULES.test(specifier)) report(line, specifier);
    for (const name of names) {
      if (/^(node:)?crypto$/.test(specifier) && RANDOM_NAMES.has(name)) report(line, name);
    }
  }
  walk(source, (node) => {
    const what = ambientExpression(node);
    if (what !== undefined) report(lineOf(source, node), what);
  });
  return findings;
}

interface ExpressionNode {
  readonly expression?: Node & { readonly text?: string };
  readonly name?: Node & { readonly text?: string };
  readonly arguments?: readonly Node[];
  readonly text?: string;
}

function ambientExpression(node: Node): string | undefined {
  const shape = node as Node & ExpressionNode;
  switch (node.kind) {
    case SyntaxKind.PropertyAccessExpression: {
      const path = `${shape.expression?.text ?? ''}.${shape.name?.text ?? ''}`;
      return MEMBERS.has(path.replace(/^globalThis\./, '')) ? path : undefined;
    }
    case SyntaxKind.NewExpression:
      return shape.expression?.text === 'Date' && (shape.arguments?.length ?? 0) === 0
        ? 'new Date()'
        : undefined;
    case SyntaxKind.CallExpression: {
      const name = shape.expression?.text ?? '';
      return TIMERS.has(name) || name === 'Date' ? name : undefined;
    }
    default:
      return undefined;
  }
}
