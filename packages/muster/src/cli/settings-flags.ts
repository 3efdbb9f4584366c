/** Settings as options of a command, and their values from the command line, the environment and the file. */
import {
  type Config,
  type ConfigFile,
  describeFlags,
  type FlagDescription,
  loadConfig,
  readConfigFile,
  readSecretFile,
  readStandardFiles,
  type Settings,
} from '@muster/core';
import { type Command, Option } from 'commander';
import { NOT_IN_THIS_VERSION, WITHOUT_EFFECT } from '../settings/registry-settings.ts';
import { cliErrors } from './cli-errors.ts';
import type { AnyCommand } from './command.ts';
import type { CliIo } from './io.ts';

const NEGATION = 'no-';

/** Gives a command a flag for each of the settings. */
export function addSettingFlags(command: Command, settings: Settings): void {
  for (const flag of describeFlags(settings)) addFlag(command, flag);
}

function addFlag(command: Command, flag: FlagDescription): void {
  const value = flag.valueName === undefined ? '' : ` <${flag.valueName}>`;
  const option = new Option(`--${flag.name}${value}`, describe(flag)).helpGroup(`${flag.group}:`);
  if (flag.group === NOT_IN_THIS_VERSION || flag.group === WITHOUT_EFFECT) option.hideHelp();
  if (flag.isRepeatable) {
    option.argParser((given: string, before: readonly string[] | undefined) => [...(before ?? []), given]);
  }
  command.addOption(option);
  if (!flag.isNegatable || flag.name.startsWith(NEGATION)) return;
  const negation = new Option(`--${NEGATION}${flag.name}`, `The opposite of --${flag.name}.`);
  negation.helpGroup(`${flag.group}:`);
  if (flag.defaultText !== 'true') negation.hideHelp();
  command.addOption(negation);
}

function describe(flag: FlagDescription): string {
  const choices = flag.choices === undefined ? '' : ` One of ${flag.choices.join(', ')}.`;
  const shown = flag.defaultText !== undefined && flag.defaultText !== '' && flag.defaultText !== 'false';
  return `${flag.description}${choices}${shown ? ` (default: ${flag.defaultText})` : ''}`;
}

/** The flags that were given. The parser reports an option `--no-x` as the value of `x`. */
function givenFlags(settings: Settings, options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const { name, property } of describeFlags(settings)) {
    if (!name.startsWith(NEGATION)) {
      given[name] = options[property];
      continue;
    }
    const positive = property.slice(2);
    if (options[positive.charAt(0).toLowerCase() + positive.slice(1)] === false) given[name] = true;
  }
  return given;
}

/**
 * The values of a command's settings. Throws CONFIG_INVALID, and NOT_IN_THIS_VERSION for settings that only other
 * versions have.
 */
export function loadSettings<const S extends Settings>(
  settings: S,
  options: Readonly<Record<string, unknown>>,
  io: CliIo,
  spec: Pick<AnyCommand, 'takesConfigFile' | 'standardFiles' | 'environmentPrefix' | 'check'>,
): Config<S> {
  const { takesConfigFile = false, standardFiles, environmentPrefix, check } = spec;
  const path = takesConfigFile ? (options['config'] ?? io.environment['MUSTER_CONFIG']) : undefined;
  const file: ConfigFile | undefined =
    typeof path === 'string' && path !== '' ? readConfigFile(path) : undefined;
  const config = loadConfig(settings, {
    flags: givenFlags(settings, options),
    environment: io.environment,
    readSecretFile,
    ...(file === undefined ? {} : { file }),
    ...(standardFiles === undefined
      ? {}
      : { standardFiles: readStandardFiles(standardFiles), unknownNames: 'warn' as const }),
    ...(environmentPrefix === undefined ? {} : { environmentPrefix }),
    ...(check === undefined ? {} : { check }),
  });
  const refused = Object.entries(settings).flatMap(([key, { group }]) => {
    const source = config.sources.get(key);
    return group === NOT_IN_THIS_VERSION && source !== 'default' && source !== undefined ? [source] : [];
  });
  if (refused.length > 0) {
    const message = `not part of this version of Muster: ${refused.join(', ')}`;
    throw cliErrors.create('NOT_IN_THIS_VERSION', message, { details: { sources: refused } });
  }
  return config;
}
