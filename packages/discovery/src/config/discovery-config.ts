/** From loaded settings to what the daemon and its process take (discovery spec section 3). */

import { type Config, coreErrors, type LogFormat, type LogLevel } from '@muster/core';
import type { DiscoverySettings } from '../settings.ts';
import { parsePeerAddress } from '../wire/addresses.ts';
import type { AddrInfo, PeerId } from '../wire/messages.ts';
import type { discoverySettings } from './discovery-settings.ts';

/** What concerns the process around the daemon. */
export interface ProcessSettings {
  readonly listenHost: string;
  /** 0 is any free one. */
  readonly port: number;
  readonly announceAddresses: readonly string[];
  readonly privateKeyPath: string;
  /** Undefined: the public key is told from the private one, and kept nowhere. */
  readonly publicKeyPath: string | undefined;
  readonly pskPath: string;
  /** Whether missing key files are made. */
  readonly generateKeys: boolean;
  readonly store: { readonly kind: 'file'; readonly directory: string } | { readonly kind: 'memory' };
  /** Port of the status endpoint, 0 for any free one; undefined is off. */
  readonly statusPort: number | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly timeScale: number;
}

export interface DiscoveryConfig {
  readonly settings: DiscoverySettings;
  readonly process: ProcessSettings;
  /** What was left out or does nothing, one line each, for the log. */
  readonly warnings: readonly string[];
}

type LoadedConfig = Config<typeof discoverySettings>;

/** Checks what several settings mean together. Throws CONFIG_INVALID with one line per problem. */
export function discoveryConfigOf(
  config: LoadedConfig,
  environment: Readonly<Record<string, string | undefined>>,
): DiscoveryConfig {
  const problems = problemsOf(config, environment);
  if (problems.length > 0) {
    const heading = problems.length === 1 ? 'a setting is wrong' : `${problems.length} settings are wrong`;
    throw coreErrors.create('CONFIG_INVALID', [heading, ...problems].join('\n  '), { details: { problems } });
  }
  const warnings = [...config.warnings, ...withoutEffect(config)];
  const indexerAddresses = readSeeds(config, warnings);
  return {
    settings: { ...settingsOf(config), indexerAddresses },
    process: processSettingsOf(config),
    warnings,
  };
}

/** The settings without our own peer id among the seeds: a process never heartbeats itself (F:22). */
export function withoutSelf(settings: DiscoverySettings, self: PeerId): DiscoverySettings {
  return { ...settings, indexerAddresses: settings.indexerAddresses.filter(({ ID }) => ID !== self) };
}

function problemsOf(
  { values, sources }: LoadedConfig,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const problems: string[] = [];
  if (values.timeScale !== 1 && environment['OC_TEST'] !== '1') {
    problems.push(`${sources.get('time-scale')}: only for tests; refused unless OC_TEST=1`);
  }
  if (values.minIndexer > values.maxIndexer) {
    problems.push(
      `${sources.get('min-indexer')}: min-indexer ${values.minIndexer} is more than max-indexer ${values.maxIndexer}`,
    );
  }
  return problems;
}

function withoutEffect({ settings, sources, values }: LoadedConfig): readonly string[] {
  return Object.entries(settings).flatMap(([key, { group, description }]) => {
    const source = sources.get(key);
    if (group !== settings['peer-ids'].group || source === undefined || source === 'default') return [];
    if (key === 'nats-url' && values.natsUrl === '') return [];
    return [`${source}: ignored. ${description}`];
  });
}

function readSeeds({ values, sources }: LoadedConfig, warnings: string[]): readonly AddrInfo[] {
  const seeds = new Map<PeerId, string[]>();
  for (const text of values.indexerAddresses) {
    const parsed = parsePeerAddress(text);
    if (parsed === undefined) {
      const source = sources.get('indexer-addresses');
      warnings.push(
        `${source}: ${JSON.stringify(text)} is left out: no multiaddr that ends in /p2p/<peer id>`,
      );
      continue;
    }
    seeds.set(parsed.ID, [...(seeds.get(parsed.ID) ?? []), ...parsed.Addrs]);
  }
  return [...seeds].map(([ID, addresses]) => ({ ID, Addrs: [...new Set(addresses)] }));
}

/** Zero stands for the default of these. */
function orDefault(config: LoadedConfig, key: keyof typeof discoverySettings, value: number): number {
  const setting = config.settings[key];
  return value === 0 && setting.type === 'integer' ? (setting.default ?? 0) : value;
}

/** Seconds of a setting in milliseconds. They count as durations of section 6, which TIME_SCALE multiplies. */
function scaledMs(config: LoadedConfig, key: keyof typeof discoverySettings, seconds: number): number {
  return 1000 * config.values.timeScale * orDefault(config, key, seconds);
}

function settingsOf(config: LoadedConfig): Omit<DiscoverySettings, 'indexerAddresses'> {
  const { values } = config;
  return {
    roles: { node: values.nodeMode.includes('node'), indexer: values.nodeMode.includes('indexer') },
    name: values.name,
    hostname: values.hostname,
    minIndexer: values.minIndexer,
    maxIndexer: values.maxIndexer,
    searchTimeoutMs: scaledMs(config, 'search-timeout', values.searchTimeout),
    searchMaxMs: scaledMs(config, 'search-max-seconds', values.searchMaxSeconds),
    maxConnPerWindow: orDefault(config, 'max-conn-per-window', values.maxConnPerWindow),
    connWindowMs: scaledMs(config, 'conn-window-secs', values.connWindowSecs),
    maxHeartbeatsPerMinute: orDefault(config, 'max-hb-per-minute', values.maxHbPerMinute),
    maxPublishesPerMinute: orDefault(config, 'max-publish-per-minute', values.maxPublishPerMinute),
    maxGetsPerMinute: orDefault(config, 'max-get-per-minute', values.maxGetPerMinute),
    maxNodes: values.maxNodes,
    didMode: values.didMode,
    admissionMode: values.admissionMode,
    subnetDiversity: values.subnetDiversity,
    allowLoopback: values.allowLoopback,
    natsAddress: values.natsAddress,
    walletAddress: values.walletAddress,
    dhtServer: values.dhtServer,
  };
}

function processSettingsOf(config: LoadedConfig): ProcessSettings {
  const { values } = config;
  const directory = /^file:(.+)$/.exec(values.storeUrl)?.[1];
  return {
    listenHost: values.listenHost,
    port: values.nodeEndpointPort,
    announceAddresses: values.announceAddresses,
    privateKeyPath: values.privateKeyPath,
    publicKeyPath: publicKeyPathOf(config),
    pskPath: values.pskPath,
    generateKeys: values.generateKeys,
    store: directory === undefined ? { kind: 'memory' } : { kind: 'file', directory: directoryOf(directory) },
    statusPort: statusPortOf(values.statusPort),
    logLevel: values.logLevel === 'trace' ? 'debug' : values.logLevel,
    logFormat: values.logFormat,
    timeScale: values.timeScale,
  };
}

/** Who names a private key and no public one has one file, as `muster keys generate` makes it: that of the default is of another key. */
function publicKeyPathOf({ values, sources }: LoadedConfig): string | undefined {
  const isDefault = (key: string): boolean => (sources.get(key) ?? 'default') === 'default';
  return isDefault('public-key-path') && !isDefault('private-key-path') ? undefined : values.publicKeyPath;
}

/** `file:./data` and `file:///var/lib/x` both name a folder. */
function directoryOf(path: string): string {
  return path.startsWith('///') ? path.slice(2) : path;
}

function statusPortOf(text: string): number | undefined {
  if (text === 'any') return 0;
  const port = Number(text);
  return port === 0 ? undefined : port;
}
