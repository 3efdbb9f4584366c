import { LineCounter, isMap, isScalar, parseDocument } from 'yaml';

/** The text of a configuration file and where it was read from. */
export interface ConfigFile {
  /** As it is shown in messages. */
  readonly path: string;
  readonly text: string;
}

/** One entry of a configuration file. */
export interface ConfigFileEntry {
  readonly key: string;
  readonly value: unknown;
  /** 1-based line of the key. */
  readonly line: number;
}

/** What a configuration file says, with what is wrong with its form; each problem begins with `path:line: `. */
export interface ParsedConfigFile {
  readonly entries: readonly ConfigFileEntry[];
  readonly problems: readonly string[];
}

/**
 * Reads YAML, or JSON when the name ends in `.json`. The file is one mapping of keys to values. Keys are returned in
 * kebab case: `_` and `-` mean the same, and `LOG_LEVEL` is `log-level`.
 */
export function parseConfigFile(file: ConfigFile): ParsedConfigFile {
  const at = (line: number, what: string): string => `${file.path}:${line}: ${what}`;
  if (file.path.endsWith('.json')) {
    const problem = jsonProblem(file.text);
    if (problem !== undefined) return { entries: [], problems: [at(1, problem)] };
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(file.text, { lineCounter, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) =>
      at(lineCounter.linePos(error.pos[0]).line, error.message),
    );
    return { entries: [], problems };
  }
  if (document.contents === null) return { entries: [], problems: [] };
  if (!isMap(document.contents)) {
    return { entries: [], problems: [at(1, 'the file must be one mapping of settings to values')] };
  }
  const entries: ConfigFileEntry[] = [];
  const problems: string[] = [];
  const lines = new Map<string, number>();
  for (const pair of document.contents.items) {
    const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    const { line } = lineCounter.linePos(offset);
    const key = kebabCase(String(isScalar(pair.key) ? pair.key.value : pair.key));
    const earlier = lines.get(key);
    if (earlier !== undefined) {
      problems.push(at(line, `${key} was already given in line ${earlier}`));
      continue;
    }
    lines.set(key, line);
    const value: unknown = document.getIn([pair.key]);
    entries.push({ key, value: toPlain(value), line });
  }
  return { entries, problems };
}

function kebabCase(key: string): string {
  return (/^[A-Z][A-Z0-9_]*$/.test(key) ? key.toLowerCase() : key).replaceAll('_', '-');
}

function toPlain(value: unknown): unknown {
  const node = value as { toJSON?: () => unknown } | null;
  return typeof node === 'object' && node !== null && typeof node.toJSON === 'function'
    ? node.toJSON()
    : value;
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `not valid JSON: ${(error as Error).message}`;
  }
}
