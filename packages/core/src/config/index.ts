export { readConfigFile, readSecretFile, readStandardFiles } from './adapters/config-files.ts';
export type { ConfigFile } from './config-file.ts';
export { describeFlags } from './flags.ts';
export type { FlagDescription } from './flags.ts';
export { describeConfig, loadConfig } from './load.ts';
export type { Config, ConfigDescription, ConfigSources, SecretFile } from './load.ts';
export { defineSettings, propertyName, Secret } from './settings.ts';
export type { ConfigValues, Setting, Settings } from './settings.ts';
export { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';
