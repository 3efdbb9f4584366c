/** From loaded settings to what an agent takes (coordination spec 21). */

import type { Config, LogFormat, LogLevel } from '@muster/core';
import { parseHostPort, type HostPort } from '../members/published-address.ts';
import { isLoopback } from '../mirror/loopback.ts';
import type { RegistryConfig } from '../origin/registry-table.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { FailureClass } from '../types.ts';
import { type coordinationSettings, WITHOUT_EFFECT } from './coordination-settings.ts';

export type MembersSource = 'kubernetes' | 'file' | 'registry' | 'single';

/** What concerns this node and its surroundings. */
export interface NodeSettings {
  readonly mirrorListen: HostPort;
  readonly allowNonLoopback: boolean;
  readonly transferListen: HostPort;
  /** As it was written; what is published depends on it (18.3). */
  readonly transferListenText: string;
  readonly metricsListen: HostPort;
  /** Without those that this build cannot listen on. */
  readonly libp2pListen: readonly string[];
  readonly libp2pAnnounce: readonly string[];
  readonly identityPath: string;
  readonly bootstrapPeers: readonly string[];
  readonly pskPath: string;
  readonly connections: { readonly low: number; readonly high: number; readonly graceMs: number };
  readonly membersSource: MembersSource;
  readonly nodeName: string;
  readonly podName: string;
  readonly podIp: string;
  readonly zone: string;
  readonly membersNamespace: string;
  readonly labelSelector: string;
  readonly zoneLabel: string;
  readonly membersFile: string;
  readonly announceFolder: string;
  readonly membersRegistry: string;
  readonly membersNetwork: string;
  readonly cacheDirectory: string;
  readonly registries: readonly RegistryConfig[];
  readonly transferTokenPath: string;
  readonly coordAllow: 'all' | 'observe' | 'members';
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** A failed start of membership is fatal (20.1). */
  readonly isProduction: boolean;
}

export interface CoordinationConfig {
  readonly settings: CoordinationSettings;
  readonly node: NodeSettings;
  /** What was left out or does nothing, one line each, for the log. */
  readonly warnings: readonly string[];
}

type LoadedConfig = Config<typeof coordinationSettings>;
type Values = LoadedConfig['values'];

const FAILURE_CLASSES: ReadonlySet<string> = new Set(['auth', 'not_found', 'rate_limited', 'transient']);
const DEFAULT_TRUSTED: readonly FailureClass[] = ['auth', 'not_found', 'rate_limited'];
const DEFAULT_LISTEN = '/ip4/0.0.0.0/tcp/0';

/** What is wrong with several settings together; each line begins with where the value is from. */
export function coordinationProblems(config: {
  readonly values: Readonly<Record<string, unknown>>;
  readonly sources: ReadonlyMap<string, string>;
  readonly invalid: ReadonlySet<string>;
}): readonly string[] {
  const values = config.values as unknown as Values;
  const problems: string[] = [];
  const require = (isFine: boolean, key: string, problem: string): void => {
    if (!isFine && !config.invalid.has(key))
      problems.push(`${config.sources.get(key) ?? 'default'}: ${key}: ${problem}`);
  };
  const host = parseHostPort(values.mirrorListen)?.host;
  require(values.mirrorBindAllowNonLoopback ||
    host === undefined ||
    isLoopback(
      host,
    ), 'mirror-listen', `${values.mirrorListen} can be reached by other machines; set mirror-bind-allow-non-loopback to allow that`);
  require(values.originFailureCooldownMaxMs >=
    values.originFailureCooldownInitialMs, 'origin-failure-cooldown-max', 'is less than origin-failure-cooldown-initial');
  require(values.connLow <= values.connHigh, 'conn-low', 'is more than conn-high');
  requireMembers(values, require);
  requireRegistries(values, require);
  return problems;
}

/** Throws nothing: what {@link coordinationProblems} finds was refused before. */
export function coordinationConfigOf(config: LoadedConfig): CoordinationConfig {
  const { values } = config;
  const warnings = [...config.warnings, ...withoutEffect(config)];
  const trustedClasses = trustedOf(values, warnings);
  return { settings: settingsOf(values, trustedClasses), node: nodeOf(values, warnings), warnings };
}

type Require = (isFine: boolean, key: string, problem: string) => void;

function requireMembers(values: Values, require: Require): void {
  const source = membersSourceOf(values);
  if (source === 'kubernetes') {
    require(values.nodeName !== '', 'node-name', 'members of Kubernetes need it');
    require(values.podName !== '', 'pod-name', 'node-name needs it');
    require(values.membersNamespace !== '', 'members-namespace', 'node-name and pod-name need it');
  }
  require(source !== 'file' ||
    values.membersFile !== '' ||
    values.membersAnnounceDir !== '', 'members-source', 'file needs members-file or members-announce-dir');
  require(source !== 'registry' ||
    (values.membersRegistry !== '' &&
      values.membersNetwork !== ''), 'members-source', 'registry needs members-registry and members-network');
}

function requireRegistries(values: Values, require: Require): void {
  const key = 'upstream-registries';
  require(values.upstreamRegistries.length >
    0, key, 'at least one registry is needed, such as name=https://endpoint');
  const names = new Set<string>();
  for (const { name = '', ns_alias: alias = '' } of values.upstreamRegistries) {
    for (const each of new Set([name, alias])) {
      require(each === '' || !names.has(each), key, `two registries are called ${JSON.stringify(each)}`);
      names.add(each);
    }
  }
}

function membersSourceOf(values: Values): MembersSource {
  if (values.membersSource !== 'auto') return values.membersSource;
  if (values.membersFile !== '' || values.membersAnnounceDir !== '') return 'file';
  if (values.membersRegistry !== '') return 'registry';
  return values.nodeName !== '' ? 'kubernetes' : 'single';
}

function trustedOf(values: Values, warnings: string[]): readonly FailureClass[] {
  const given = values.originFailureClassesTrustedClusterWide;
  for (const name of given) {
    if (!FAILURE_CLASSES.has(name))
      warnings.push(`there is no class of failures ${JSON.stringify(name)}; it is left out`);
  }
  const known = given.filter((name): name is FailureClass => FAILURE_CLASSES.has(name));
  return known.length === 0 ? DEFAULT_TRUSTED : known;
}

function withoutEffect({ settings, sources }: LoadedConfig): readonly string[] {
  return Object.entries(settings).flatMap(([key, { group, description }]) => {
    const source = sources.get(key);
    if (group !== WITHOUT_EFFECT || source === undefined || source === 'default') return [];
    return [`${source}: ${key} has no effect: ${description}`];
  });
}

function nodeOf(values: Values, warnings: string[]): NodeSettings {
  const listen = values.libp2pListen.filter((address) => /^\/[^/]+\/[^/]+\/tcp\/\d+$/.test(address));
  for (const address of values.libp2pListen) {
    if (!listen.includes(address))
      warnings.push(`libp2p-listen: this build listens on TCP only, not on ${address}`);
  }
  const { nodeName, podName, membersNamespace } = values;
  return {
    mirrorListen: hostPortOf(values.mirrorListen),
    allowNonLoopback: values.mirrorBindAllowNonLoopback,
    transferListen: hostPortOf(values.transferListen),
    transferListenText: values.transferListen,
    metricsListen: hostPortOf(values.metricsListen),
    libp2pListen: listen.length > 0 ? listen : [DEFAULT_LISTEN],
    libp2pAnnounce: values.libp2pAnnounce,
    identityPath: values.libp2pIdentityPath,
    bootstrapPeers: values.libp2pBootstrapPeers,
    pskPath: values.pskPath,
    connections: { low: values.connLow, high: values.connHigh, graceMs: values.connGraceMs },
    membersSource: membersSourceOf(values),
    nodeName,
    podName,
    podIp: values.podIp,
    zone: values.zone,
    membersNamespace,
    labelSelector: values.membersLabelSelector,
    zoneLabel: values.zoneLabelKey,
    membersFile: values.membersFile,
    announceFolder: values.membersAnnounceDir,
    membersRegistry: values.membersRegistry,
    membersNetwork: values.membersNetwork,
    cacheDirectory: values.cacheDir,
    registries: values.upstreamRegistries.map(registryOf),
    transferTokenPath: values.transferTokenPath,
    coordAllow: values.coordAllow,
    logLevel: values.logLevel,
    logFormat: values.logFormat,
    isProduction: nodeName !== '' || podName !== '' || membersNamespace !== '',
  };
}

function registryOf(entry: Values['upstreamRegistries'][number]): RegistryConfig {
  const { name = '', endpoint = '', credentials_path: credentialsPath, ns_alias: nsAlias } = entry;
  return {
    name,
    endpoint,
    ...(credentialsPath === undefined ? {} : { credentialsPath }),
    ...(nsAlias === undefined ? {} : { nsAlias }),
  };
}

function hostPortOf(text: string): HostPort {
  return parseHostPort(text) ?? { host: '', port: 0 };
}

function settingsOf(values: Values, trustedClasses: readonly FailureClass[]): CoordinationSettings {
  return {
    ...decisionSettings(values, trustedClasses),
    ...transferSettings(values),
    coordMaxStreams: values.coordMaxConcurrentStreams,
    coordMaxStreamsPerPeer: values.coordMaxStreamsPerPeer,
    coordStreamTimeoutMs: values.coordStreamTimeoutMs,
    coordDispatchMs: Math.min(2_000, values.coordStreamTimeoutMs),
    coordDialTimeoutMs: values.coordDialTimeoutMs,
    coordRpcTimeoutMs: values.coordRpcTimeoutMs,
    coordMaxDigests: values.coordMaxDigestsPerRequest,
    coordOfferMinor: values.coordOfferMinor === 1 ? 1 : 0,
    maxConcurrentPulls: values.coordMaxConcurrentPulls,
    pullQueue: values.coordPullQueue,
    pumpPeerCheck: values.pumpPeerCheck,
    pumpPeerCheckMs: values.pumpPeerCheckTimeoutMs,
    originConnectMs: values.originConnectTimeoutMs,
    originHeaderMs: values.originHeaderTimeoutMs,
    originIdleMs: values.originIdleTimeoutMs,
    originMaxRequestsPerSecond: values.originMaxRequestsPerSecond,
    provideConcurrency: values.provideConcurrency,
    reprovideAfterMs: values.reprovideAfterMs,
    reconcileIntervalMs: values.advertiseReconcileIntervalMs,
    cacheBudgetBytes: values.cacheBudgetBytesBytes,
    forcedEvictionHeadroomPercent: values.cacheForcedEvictionHeadroomPct,
    evictionProviderThreshold: values.evictionProviderCountThreshold,
    verifyOnStart: values.storeVerifyOnStart,
  };
}

function decisionSettings(values: Values, trustedClasses: readonly FailureClass[]) {
  return {
    trustedClasses,
    hrwK: values.hrwK,
    hrwScope: values.hrwTopologyScope,
    hrwViewOverlapMs: values.hrwViewOverlapMs,
    expansionFactor: values.topkExpansionFactorDegraded,
    cooldownInitialMs: values.originFailureCooldownInitialMs,
    cooldownMaxMs: values.originFailureCooldownMaxMs,
    cooldownMultiplier: values.originFailureCooldownMultiplier,
    honourCapMs: values.originFailureHonorWindowCapMs,
    coldStartRounds: values.coldstartRounds,
    coldStartBudgetMaxMs: values.coldstartBudgetMaxMs,
    stallBytesPerSecond: values.stallBytesPerSecondBytes,
    prefetchCoordinators: values.prefetchCoordinators,
    prefetchMaxGroups: values.prefetchMaxGroups,
    prefetchJitterMs: values.prefetchJitterMs,
    localPrefetch: values.localPrefetch,
    localPrefetchConcurrency: values.localPrefetchConcurrency,
    fallbackJitterBaseMs: values.nf5JitterBaseMs,
    fallbackPerMinute: values.nf5PerNodeRateLimit,
    bootstrapWindowMs: values.bootstrapWindowMs,
    bootstrapRoutingTablePercent: values.bootstrapRoutingTablePct,
  };
}

function transferSettings(values: Values) {
  return {
    headManifestPull: values.headManifestPull,
    errorMode: values.errorMode,
    holdbackBytes: values.streamHoldbackBytesBytes,
    verifyFirstMaxBytes: values.streamVerifyFirstMaxBytes,
    partialTransfer: values.partialTransfer,
    transferMaxServes: values.transferMaxConcurrentServes,
    transferFanoutPerDigest: values.transferFanoutPerDigest,
    peerConnectMs: values.peerConnectTimeoutMs,
    peerHeaderMs: values.peerHeaderTimeoutMs,
    peerIdleMs: values.peerIdleTimeoutMs,
    peerAttemptMaxMs: values.peerAttemptMaxMs,
    sessionMaxMs: values.sessionMaxMs,
    peerMinBytesPerSecond: values.peerMinRateBytes,
    rediscoverBudgetMs: values.rediscoverBudgetMs,
    maxSessions: values.maxSessions,
  };
}
