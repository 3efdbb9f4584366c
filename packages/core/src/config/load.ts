import { coreErrors } from '../core-errors.ts';
import { type ConfigFile, parseConfigFile } from './config-file.ts';
import { nearestName } from './nearest.ts';
import { parseValue } from './parse-value.ts';
import {
  camelCase,
  type ConfigValues,
  environmentNames,
  propertyName,
  Secret,
  type Setting,
  type Settings,
} from './settings.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** What a secret's file holds, and who may read it. */
export interface SecretFile {
  readonly text: string;
  /** Permission bits, or undefined where the system has none. */
  readonly mode: number | undefined;
}

/** Where values come from. Flags win over the environment, the environment over the file, the file over defaults. */
export interface ConfigSources {
  /** Flags by key, in kebab or camel case; undefined means not given. Names that are no setting are left alone. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Environment variables. An empty one counts as not set. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The configuration file. */
  readonly file?: ConfigFile;
  /** Files that are read before it: later ones win over earlier ones, `file` over all of them. */
  readonly standardFiles?: readonly ConfigFile[];
  /** What becomes of names in files that are no setting, and of variables that only have the prefix. @default 'refuse' */
  readonly unknownNames?: 'refuse' | 'warn';
  /** Variables that begin with this should be settings; others are unknown names. */
  readonly environmentPrefix?: string;
  /**
   * Finds what is wrong with several values together, one line each. It is asked even when single values are wrong, which then
   * have their defaults, so that everything is told at once.
   */
  readonly check?: (config: {
    readonly values: Readonly<Record<string, unknown>>;
    readonly sources: ReadonlyMap<string, string>;
    /** Keys of the values that are wrong by themselves. */
    readonly invalid: ReadonlySet<string>;
  }) => readonly string[];
  /** Reads a secret's file; rejects by throwing. Needed when secrets may come from files. */
  readonly readSecretFile?: (path: string) => SecretFile;
}

/** A loaded configuration. */
export interface Config<S extends Settings> {
  readonly values: ConfigValues<S>;
  /** Where each setting's value came from: `default`, `flag --x`, `environment X` or `path:line`. */
  readonly sources: ReadonlyMap<string, string>;
  readonly settings: S;
  /** One line per unknown name that was left out; only with `unknownNames: 'warn'`. */
  readonly warnings: readonly string[];
}

/** One row of {@link describeConfig}. */
export interface ConfigDescription {
  readonly key: string;
  /** The value as text; `<redacted>` for a secret, `<not set>` where there is none. */
  readonly value: string;
  readonly source: string;
  readonly group: string;
  readonly description: string;
}

interface Candidate {
  readonly raw: unknown;
  readonly source: string;
  /** True when `raw` is the path of a file that holds the secret. */
  readonly isFile: boolean;
}

/**
 * Loads and checks all settings.
 *
 * @throws CONFIG_INVALID with one line per problem, each naming where the value came from and what is allowed;
 *   `details.problems` holds the same lines.
 */
export function loadConfig<const S extends Settings>(settings: S, sources: ConfigSources): Config<S> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const unknown = sources.unknownNames === 'warn' ? warnings : problems;
  const files = [...(sources.standardFiles ?? []), ...(sources.file === undefined ? [] : [sources.file])];
  const fileEntries = readFileEntries(settings, files, problems, unknown);
  unknown.push(...unknownVariables(settings, sources));
  const values: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  const invalid = new Set<string>();
  for (const [key, setting] of Object.entries(settings)) {
    const levels = [
      flagCandidates(key, setting, sources.flags ?? {}),
      environmentCandidates(setting, sources.environment ?? {}),
      fileCandidates(key, setting, fileEntries),
    ];
    const level = levels.find((candidates) => candidates.length > 0) ?? [];
    const candidate = level[0];
    const name = propertyName(key, setting);
    if (candidate === undefined) {
      values[name] = defaultValue(setting);
      origins.set(key, 'default');
      continue;
    }
    if (level.length > 1) {
      problems.push(`${candidate.source}: given together with ${level[1]?.source}; give only one of them`);
      continue;
    }
    const parsed = candidate.isFile
      ? readSecret(candidate, sources.readSecretFile)
      : parseValue(setting, candidate.raw);
    values[name] = parsed.ok ? parsed.value : defaultValue(setting);
    if (!parsed.ok) {
      problems.push(`${candidate.source}: ${parsed.problem}`);
      invalid.add(key);
    }
    origins.set(key, candidate.source);
  }
  problems.push(...(sources.check?.({ values, sources: origins, invalid }) ?? []));
  if (problems.length > 0) {
    const heading = problems.length === 1 ? 'a setting is wrong' : `${problems.length} settings are wrong`;
    throw coreErrors.create('CONFIG_INVALID', [heading, ...problems].join('\n  '), { details: { problems } });
  }
  return { values: values as ConfigValues<S>, sources: origins, settings, warnings };
}

/** Every setting with its value and where it came from; secrets are redacted. */
export function describeConfig<S extends Settings>(config: Config<S>): readonly ConfigDescription[] {
  const values = config.values as Readonly<Record<string, unknown>>;
  return Object.entries(config.settings).map(([key, setting]) => ({
    key,
    value: showValue(setting, values[propertyName(key, setting)]),
    source: config.sources.get(key) ?? 'default',
    group: setting.group,
    description: setting.description,
  }));
}

function showValue(setting: Setting, value: unknown): string {
  if (value === undefined) return '<not set>';
  if (value instanceof Secret) return value.toString();
  if (setting.type === 'duration') return formatDuration(value as number);
  if (setting.type === 'size') return formatSize(value as number);
  if (setting.type === 'records') return showRecords(setting.fields, value as readonly object[]);
  return Array.isArray(value) ? value.join(',') : String(value as string | number | boolean);
}

/** The first two fields of each, as a flag gives them. */
function showRecords(fields: object, records: readonly object[]): string {
  const [first = '', second = ''] = Object.keys(fields);
  return records
    .map((record) => new Map(Object.entries(record)))
    .map((record) => `${String(record.get(first))}=${String(record.get(second))}`)
    .join(',');
}

function defaultValue(setting: Setting): unknown {
  switch (setting.type) {
    case 'secret':
      return undefined;
    case 'duration':
      return setting.default === undefined ? undefined : parseDuration(setting.default);
    case 'size':
      return setting.default === undefined ? undefined : parseSize(setting.default);
    default:
      return setting.default;
  }
}

function flagCandidates(
  key: string,
  setting: Setting,
  flags: Readonly<Record<string, unknown>>,
): readonly Candidate[] {
  return keysOf(key, setting).flatMap(({ name, isFile }) => {
    const raw = flags[name] ?? flags[camelCase(name)];
    return raw === undefined ? [] : [{ raw, source: `flag --${name}`, isFile }];
  });
}

function environmentCandidates(
  setting: Setting,
  environment: Readonly<Record<string, string | undefined>>,
): readonly Candidate[] {
  for (const name of environmentNames(setting)) {
    const names = setting.type === 'secret' ? [name, `${name}_FILE`] : [name];
    const found = names.flatMap((each, index) => {
      const raw = environment[each];
      return raw === undefined || raw === ''
        ? []
        : [{ raw, source: `environment ${each}`, isFile: index === 1 }];
    });
    if (found.length > 0) return found;
  }
  return [];
}

function fileCandidates(
  key: string,
  setting: Setting,
  entries: ReadonlyMap<string, { readonly value: unknown; readonly source: string }>,
): readonly Candidate[] {
  return keysOf(key, setting).flatMap(({ name, isFile }) => {
    const entry = entries.get(name);
    if (entry === undefined || entry.value === null) return [];
    return [{ raw: entry.value, source: `${entry.source}: ${name}`, isFile }];
  });
}

function keysOf(
  key: string,
  setting: Setting,
): readonly { readonly name: string; readonly isFile: boolean }[] {
  const plain = { name: key, isFile: false };
  return setting.type === 'secret' ? [plain, { name: `${key}-file`, isFile: true }] : [plain];
}

function readFileEntries(
  settings: Settings,
  files: readonly ConfigFile[],
  problems: string[],
  unknown: string[],
): ReadonlyMap<string, { readonly value: unknown; readonly source: string }> {
  const entries = new Map<string, { value: unknown; source: string }>();
  const known = new Set(
    Object.entries(settings).flatMap(([key, setting]) => keysOf(key, setting).map(({ name }) => name)),
  );
  for (const file of files) {
    const parsed = parseConfigFile(file);
    problems.push(...parsed.problems);
    for (const { key, value, line } of parsed.entries) {
      const source = `${file.path}:${line}`;
      if (known.has(key)) entries.set(key, { value, source });
      else unknown.push(`${source}: there is no setting ${JSON.stringify(key)}${suggestion(key, known)}`);
    }
  }
  return entries;
}

/** Variables with the prefix of the program that none of its settings has. */
function unknownVariables(
  settings: Settings,
  { environment = {}, environmentPrefix }: ConfigSources,
): readonly string[] {
  if (environmentPrefix === undefined) return [];
  const known = new Set(
    Object.values(settings).flatMap((setting) =>
      environmentNames(setting).flatMap((name) =>
        setting.type === 'secret' ? [name, `${name}_FILE`] : [name],
      ),
    ),
  );
  return Object.keys(environment).flatMap((name) =>
    name.startsWith(environmentPrefix) && !known.has(name)
      ? [`environment ${name}: there is no such setting${suggestion(name, known)}`]
      : [],
  );
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

function readSecret(
  candidate: Candidate,
  readSecretFile: ConfigSources['readSecretFile'],
): ReturnType<typeof parseValue> {
  const bad = (problem: string): ReturnType<typeof parseValue> => ({ ok: false, problem });
  const path = candidate.raw;
  if (typeof path !== 'string' || path === '') return bad('must be the path of a file');
  if (readSecretFile === undefined) return bad('secrets cannot be read from files here');
  let file: SecretFile;
  try {
    file = readSecretFile(path);
  } catch (error) {
    return bad(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (file.mode !== undefined && (file.mode & 0o077) !== 0) {
    const mode = (file.mode & 0o777).toString(8).padStart(4, '0');
    return bad(`others may read ${path} (mode ${mode}), and it holds a secret; run: chmod 600 ${path}`);
  }
  const secret = file.text.replace(/\r?\n$/, '');
  return secret === '' ? bad(`${path} is empty`) : { ok: true, value: new Secret(secret) };
}
