import { camelCase, type Setting, type Settings } from './settings.ts';

/** A command-line flag, for whichever parser is used. */
export interface FlagDescription {
  /** Without the leading dashes. */
  readonly name: string;
  /** The name under which parsers that use camel case report it. */
  readonly property: string;
  /** What stands for the value in the help, or undefined for a flag without one. */
  readonly valueName: string | undefined;
  readonly description: string;
  readonly group: string;
  /** The default as text, for the help only: {@link loadConfig} applies defaults itself. */
  readonly defaultText: string | undefined;
  readonly choices: readonly string[] | undefined;
  /** True for a flag that may be repeated. */
  readonly isRepeatable: boolean;
  /** True for an on-off flag, which then also exists as `--no-<name>`. */
  readonly isNegatable: boolean;
}

const VALUE_NAMES: Readonly<Record<Setting['type'], string | undefined>> = {
  text: 'text',
  path: 'path',
  integer: 'number',
  number: 'number',
  duration: 'duration',
  size: 'size',
  boolean: undefined,
  list: 'list',
  records: 'name=value',
  secret: 'secret',
};

/** The flags that a command with these settings has, in the order of declaration. */
export function describeFlags(settings: Settings): readonly FlagDescription[] {
  return Object.entries(settings).flatMap(([key, setting]) => {
    const flag = describeFlag(key, setting);
    if (setting.type !== 'secret') return [flag];
    const file: FlagDescription = {
      ...flag,
      name: `${key}-file`,
      property: camelCase(`${key}-file`),
      valueName: 'path',
      description: `File that holds the value of --${key}; only its owner may have access.`,
    };
    return [flag, file];
  });
}

function describeFlag(key: string, setting: Setting): FlagDescription {
  const value = setting.type === 'secret' ? undefined : setting.default;
  return {
    name: key,
    property: camelCase(key),
    valueName: VALUE_NAMES[setting.type],
    description: setting.description,
    group: setting.group,
    defaultText: value === undefined || setting.type === 'records' ? undefined : String(value),
    choices: setting.type === 'text' ? setting.choices : undefined,
    isRepeatable: setting.type === 'list' || setting.type === 'records',
    isNegatable: setting.type === 'boolean',
  };
}
