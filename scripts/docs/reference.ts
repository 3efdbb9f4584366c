/** Gathers the declarations of the source and makes the reference pages of them. */
import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ErrorFamily, EventBus, MetricsRegistry, type Settings } from '@muster/core';
import { CoordinationMetrics } from '@muster/coordination';
import { declareDiscoveryMetrics, type MetricsSources, STATUS_ROUTES } from '@muster/discovery/host';
import { legacyOperations, operations, Registry } from '@muster/registry';
import { root } from '../packages.ts';
import {
  errorsPage,
  httpPage,
  metricsPage,
  type OpenApi,
  protocolPage,
  settingsPage,
  statusPage,
} from './pages.ts';

/** Where the pages are. */
export const REFERENCE_FOLDER = join(root, 'docs/reference');

/** All reference pages by file name. Starts a registry in memory for a moment, to ask it for metrics and routes. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  const families = await exported<ErrorFamily<string>>(
    'packages/*/src/**/*errors.ts',
    (value) => 'definitions' in value,
    'Errors',
  );
  const settings = await exported<Settings>('packages/*/src/**/*settings.ts', isSettings, 'Settings');
  const { metrics, openApi } = await askRegistry();
  return {
    'registry-protocol.md': protocolPage(operations, legacyOperations),
    'errors.md': errorsPage(families),
    'settings.md': settingsPage(settings),
    'metrics.md': metricsPage({
      registry: metrics,
      discovery: await discoveryMetrics(),
      coordination: await coordinationMetrics(),
      membership: await membershipMetrics(),
    }),
    'http.md': httpPage(openApi),
    'discovery-status.md': statusPage(STATUS_ROUTES),
  };
}

/** What the modules that match `pattern` export and `is` recognises; `admissionErrors` becomes `registry: admission`. */
async function exported<T>(
  pattern: string,
  is: (value: object) => boolean,
  suffix: string,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  for (const file of globSync(join(root, pattern)).sort()) {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    // Namespaces of modules are in order of names in Node, and as declared under the test runner.
    const members = Object.entries(module).toSorted(([left], [right]) => (left < right ? -1 : 1));
    for (const [name, value] of members) {
      if (typeof value !== 'object' || value === null || !is(value)) continue;
      const packageName = relative(join(root, 'packages'), file).split('/')[0] as string;
      const subject = name.replace(new RegExp(`${suffix}$`), '');
      const words = subject.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
      found.set(words === packageName ? packageName : `${packageName}: ${words}`, value as T);
    }
  }
  return found;
}

function isSettings(value: object): boolean {
  const entries: unknown[] = Object.values(value);
  return (
    entries.length > 0 &&
    entries.every(
      (entry) => typeof entry === 'object' && entry !== null && 'type' in entry && 'environment' in entry,
    )
  );
}

/** Metrics and routes of a registry that has one network, so that the metrics by network are there. */
async function askRegistry(): Promise<{ readonly metrics: string; readonly openApi: OpenApi }> {
  const anyPort = { host: '127.0.0.1', port: 0 };
  const registry = await Registry.start({ listen: anyPort, http: anyPort });
  try {
    const network = { id: 1, name: 'fleet', joinRule: 'open', enterprise: false, creator: 0, at: 1 };
    registry.engine?.commit([{ type: 'network.created', ...network }]);
    const address = `http://127.0.0.1:${registry.httpPort}`;
    const description = await fetch(`${address}/openapi.json`);
    return {
      metrics: await registry.metrics.render(),
      openApi: (await description.json()) as OpenApi,
    };
  } finally {
    await registry.stop();
  }
}

/** Metrics of a daemon with one indexer in its pool and one stream, so that those by indexer and protocol are there. */
async function discoveryMetrics(): Promise<string> {
  const metrics = new MetricsRegistry();
  const stream = { protocol: 'p', open: 0, total: 0, framesIn: 0, framesOut: 0 };
  declareDiscoveryMetrics(metrics, {
    events: new EventBus({ onListenerError: () => {} }),
    pool: { size: 1, maxSize: 5, healthyCount: 1, view: () => [POOL_ENTRY], quarantined: () => [] },
    connections: () => 0,
    routingTableSize: () => 0,
    isReady: () => true,
    streams: {
      list: () => [
        { ...stream, direction: 'inbound' },
        { ...stream, direction: 'outbound' },
      ],
    },
  });
  return await metrics.render();
}

async function coordinationMetrics(): Promise<string> {
  const metrics = new MetricsRegistry();
  void new CoordinationMetrics(metrics, new EventBus({ onListenerError: () => {} }));
  return await metrics.render();
}

async function membershipMetrics(): Promise<string> {
  const file = join(root, 'packages/muster/src/membership/membership-metrics.ts');
  const { declareMembershipMetrics } = (await import(pathToFileURL(file).href)) as {
    readonly declareMembershipMetrics: (metrics: MetricsRegistry, ...shown: readonly object[]) => void;
  };
  const metrics = new MetricsRegistry();
  const membership = { state: { kind: 'new' }, list: () => [], confirmedAt: 0 };
  declareMembershipMetrics(metrics, membership, { now: () => 0 });
  return await metrics.render();
}

const POOL_ENTRY: ReturnType<MetricsSources['pool']['view']>[number] = {
  peer: 'p',
  addresses: [],
  isSeed: true,
  isHealthy: true,
  isReferent: true,
  score: 100,
  minimumScore: 20,
  terms: {
    uptime: 1,
    challenge: 1,
    latency: 1,
    freeCapacity: 1,
    fillConsistency: 1,
    witness: 1,
    dht: 1,
    restartPenalty: 1,
  },
  confidence: 0.5,
  evidence: {},
  ageMs: 0,
  fillRate: 0,
  bornAt: undefined,
  lastSeen: undefined,
  rttMs: undefined,
  consecutiveFails: 0,
  silent: 0,
  suspendedUntil: undefined,
};
