/**
 * Declarative settings. A setting is declared once; flags, environment variables, keys of the configuration file,
 * validation, the help and the reference page all come from that declaration.
 */

import { parseDuration, parseSize } from './units.ts';

interface SettingBase {
  /** Name of the environment variable; of several, the first that is set counts. */
  readonly environment: string | readonly string[];
  /** One sentence for the help: what it does, and what it costs to change it. */
  readonly description: string;
  /** Heading in the help and in the reference page. */
  readonly group: string;
}

/** Free text, or one of `choices`. */
export interface TextSetting extends SettingBase {
  readonly type: 'text';
  readonly default?: string;
  readonly choices?: readonly string[];
  /** Says what is wrong with a value, or nothing when it is fine. */
  readonly check?: (value: string) => string | undefined;
}

/** A path of the file system; taken as it is. */
export interface PathSetting extends SettingBase {
  readonly type: 'path';
  readonly default?: string;
}

/** A whole number. */
export interface IntegerSetting extends SettingBase {
  readonly type: 'integer';
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

/** A number, with or without a fraction. */
export interface NumberSetting extends SettingBase {
  readonly type: 'number';
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

/** A time span such as `500ms`, `30m` or `1h30m`; the loaded value is in milliseconds. */
export interface DurationSetting extends SettingBase {
  readonly type: 'duration';
  readonly default?: string;
  readonly min?: string;
  readonly max?: string;
}

/** An amount of bytes such as `65536`, `64MiB` or `1GB`; the loaded value is in bytes. */
export interface SizeSetting extends SettingBase {
  readonly type: 'size';
  readonly default?: string;
  readonly min?: string;
  readonly max?: string;
}

/** On or off. */
export interface BooleanSetting extends SettingBase {
  readonly type: 'boolean';
  readonly default?: boolean;
}

/** Several texts: a repeated flag, a comma-separated text, or a list in the file. */
export interface ListSetting extends SettingBase {
  readonly type: 'list';
  readonly default?: readonly string[];
  /** Says what is wrong with one item, or nothing when it is fine. */
  readonly check?: (value: string) => string | undefined;
}

/** A member of the records of a {@link RecordsSetting}. */
export interface RecordField {
  readonly isRequired?: boolean;
  /** Says what is wrong with a value, or nothing when it is fine. */
  readonly check?: (value: string) => string | undefined;
}

/**
 * Several records of texts: a list of mappings in the file. A flag, which may be repeated, and a comma-separated text give the
 * first two fields of each, as `name=value`.
 */
export interface RecordsSetting extends SettingBase {
  readonly type: 'records';
  /** By their names in the file; at least two. */
  readonly fields: Readonly<Record<string, RecordField>>;
  readonly default?: readonly Readonly<Record<string, string>>[];
}

/**
 * A secret: given directly, or as the name of a file with `<key>-file` (environment `<NAME>_FILE`). It has no
 * default and is never printed.
 */
export interface SecretSetting extends SettingBase {
  readonly type: 'secret';
}

export type Setting =
  | TextSetting
  | PathSetting
  | IntegerSetting
  | NumberSetting
  | DurationSetting
  | SizeSetting
  | BooleanSetting
  | ListSetting
  | RecordsSetting
  | SecretSetting;

/** Settings by key. The key is the flag's name in kebab case, without the leading dashes. */
export type Settings = Readonly<Record<string, Setting>>;

/** A loaded secret. Printing, logging or serialising it shows `<redacted>`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '<redacted>';
  }

  toJSON(): string {
    return '<redacted>';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '<redacted>';
  }
}

type CamelCase<Key extends string> = Key extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;

type PropertyName<Key extends string, S> = S extends { type: 'duration' }
  ? `${CamelCase<Key>}Ms`
  : S extends { type: 'size' }
    ? `${CamelCase<Key>}Bytes`
    : CamelCase<Key>;

type ValueOf<S> = S extends { type: 'integer' | 'number' | 'duration' | 'size' }
  ? number
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { type: 'list' }
      ? readonly string[]
      : S extends { type: 'records'; fields: infer Fields }
        ? readonly { readonly [Name in keyof Fields]?: string }[]
        : S extends { type: 'secret' }
          ? Secret
          : S extends { choices: readonly (infer Choice)[] }
            ? Choice
            : string;

/**
 * The loaded values: property names are the keys in camel case, with `Ms` after durations and `Bytes` after sizes
 * (`stale-threshold` is `staleThresholdMs`). Without a default, a value may be undefined.
 */
export type ConfigValues<S extends Settings> = {
  readonly [Key in keyof S & string as PropertyName<Key, S[Key]>]: S[Key] extends { default: unknown }
    ? ValueOf<S[Key]>
    : ValueOf<S[Key]> | undefined;
};

/** The property of {@link ConfigValues} under which a setting's value is found. */
export function propertyName(key: string, setting: Setting): string {
  const camel = camelCase(key);
  if (setting.type === 'duration') return `${camel}Ms`;
  return setting.type === 'size' ? `${camel}Bytes` : camel;
}

/** `stale-threshold` to `staleThreshold`. */
export function camelCase(key: string): string {
  return key.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The environment variables of a setting, in order of precedence. */
export function environmentNames(setting: Setting): readonly string[] {
  return typeof setting.environment === 'string' ? [setting.environment] : setting.environment;
}

/**
 * Declares settings.
 *
 * @throws TypeError when the declaration itself is wrong: a key that is not kebab case, a name that is used twice,
 *   a default that its own rules refuse.
 */
export function defineSettings<const S extends Settings>(settings: S): S {
  const flags = new Set<string>();
  const environment = new Set<string>();
  for (const [key, setting] of Object.entries(settings)) {
    if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(key)) throw new TypeError(`setting ${key}: not in kebab case`);
    const suffixes = setting.type === 'secret' ? ['', '-file'] : [''];
    for (const suffix of suffixes) claim(flags, key + suffix, key);
    for (const name of environmentNames(setting)) {
      if (!/^[A-Z][A-Z0-9_]*$/.test(name))
        throw new TypeError(`setting ${key}: ${name} is no environment name`);
      for (const suffix of suffixes) claim(environment, name + suffix.replace('-', '_').toUpperCase(), key);
    }
    checkDeclaration(key, setting);
  }
  return settings;
}

function claim(taken: Set<string>, name: string, key: string): void {
  if (taken.has(name)) throw new TypeError(`setting ${key}: ${name} is used twice`);
  taken.add(name);
}

function checkDeclaration(key: string, setting: Setting): void {
  const wrong = (what: string): never => {
    throw new TypeError(`setting ${key}: ${what}`);
  };
  switch (setting.type) {
    case 'integer':
      if (setting.default === undefined) break;
      if (!Number.isSafeInteger(setting.default)) wrong('the default is not a whole number');
      checkRange(setting.default, setting.min, setting.max, wrong);
      break;
    case 'number':
      if (setting.default === undefined) break;
      if (!Number.isFinite(setting.default)) wrong('the default is not a number');
      checkRange(setting.default, setting.min, setting.max, wrong);
      break;
    case 'duration':
    case 'size': {
      const parse = (text: string | undefined): number | undefined => {
        if (text === undefined) return undefined;
        const value = setting.type === 'duration' ? parseDuration(text) : parseSize(text);
        return value ?? wrong(`${text} is no ${setting.type}`);
      };
      const min = parse(setting.min);
      const max = parse(setting.max);
      const value = parse(setting.default);
      if (value !== undefined) checkRange(value, min, max, wrong);
      break;
    }
    case 'text':
      if (setting.default === undefined) break;
      if (setting.choices !== undefined && !setting.choices.includes(setting.default)) {
        wrong('the default is not among the choices');
      }
      break;
    default:
      break;
  }
}

function checkRange(
  value: number,
  min: number | undefined,
  max: number | undefined,
  wrong: (what: string) => never,
): void {
  if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
    wrong('the default is outside its range');
  }
}
