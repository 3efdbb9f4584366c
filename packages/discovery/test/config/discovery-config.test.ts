import { type ConfigFile, type ConfigSources, loadConfig, type MusterError } from '@muster/core';
import { describe, expect, test } from 'vitest';
import {
  DISCOVERY_ENVIRONMENT_PREFIX,
  type DiscoveryConfig,
  discoveryConfigOf,
  discoverySettings,
  withoutSelf,
} from '../../src/config/index.ts';
import { DEFAULT_SETTINGS } from '../../src/settings.ts';

const A = '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust';
const B = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq';

function load(sources: ConfigSources = {}): DiscoveryConfig {
  const loaded = loadConfig(discoverySettings, {
    unknownNames: 'warn',
    environmentPrefix: DISCOVERY_ENVIRONMENT_PREFIX,
    ...sources,
  });
  return discoveryConfigOf(loaded, sources.environment ?? {});
}

const environment = (variables: Readonly<Record<string, string>>): DiscoveryConfig =>
  load({ environment: variables });

const file = (path: string, value: object): ConfigFile => ({ path, text: JSON.stringify(value) });

function problemsOf(variables: Readonly<Record<string, string>>): readonly string[] {
  try {
    environment(variables);
  } catch (error) {
    return (error as MusterError).details['problems'] as readonly string[];
  }
  return [];
}

describe('defaults', () => {
  test('are those of the specification', () => {
    expect(load()).toEqual({
      settings: DEFAULT_SETTINGS,
      process: {
        listenHost: '0.0.0.0',
        port: 4001,
        announceAddresses: [],
        privateKeyPath: './pem/private.pem',
        publicKeyPath: './pem/public.pem',
        pskPath: './psk/psk.key',
        generateKeys: false,
        store: { kind: 'file', directory: './data' },
        statusPort: undefined,
        logLevel: 'info',
        logFormat: 'text',
        timeScale: 1,
      },
      warnings: [],
    });
  });

  test('stand in for zero where the specification says so', () => {
    const { settings } = environment({
      OCDISCOVERY_SEARCH_TIMEOUT: '0',
      OCDISCOVERY_SEARCH_MAX_SECONDS: '0',
      OCDISCOVERY_MAX_CONN_PER_WINDOW: '0',
      OCDISCOVERY_CONN_WINDOW_SECS: '0',
      OCDISCOVERY_MAX_HB_PER_MINUTE: '0',
      OCDISCOVERY_MAX_PUBLISH_PER_MINUTE: '0',
      OCDISCOVERY_MAX_GET_PER_MINUTE: '0',
    });
    expect(settings).toEqual(DEFAULT_SETTINGS);
  });
});

describe('every key has its effect (DEF-88)', () => {
  test.each<[key: string, value: string, effect: object]>([
    ['NODE_MODE', 'node,indexer', { roles: { node: true, indexer: true } }],
    ['NAME', 'alpha', { name: 'alpha' }],
    ['HOSTNAME', 'https://alpha.example', { hostname: 'https://alpha.example' }],
    [
      'INDEXER_ADDRESSES',
      ` /ip4/10.0.0.1/tcp/4001/p2p/${A} ,, `,
      {
        indexerAddresses: [{ ID: A, Addrs: ['/ip4/10.0.0.1/tcp/4001'] }],
      },
    ],
    ['MIN_INDEXER', '2', { minIndexer: 2 }],
    ['MAX_INDEXER', '9', { maxIndexer: 9 }],
    ['SEARCH_TIMEOUT', '7', { searchTimeoutMs: 7_000 }],
    ['SEARCH_MAX_SECONDS', '30', { searchMaxMs: 30_000 }],
    ['MAX_CONN_PER_WINDOW', '3', { maxConnPerWindow: 3 }],
    ['CONN_WINDOW_SECS', '4', { connWindowMs: 4_000 }],
    ['MAX_HB_PER_MINUTE', '6', { maxHeartbeatsPerMinute: 6 }],
    ['MAX_PUBLISH_PER_MINUTE', '7', { maxPublishesPerMinute: 7 }],
    ['MAX_GET_PER_MINUTE', '8', { maxGetsPerMinute: 8 }],
    ['MAX_NODES', '30', { maxNodes: 30 }],
    ['DID_MODE', 'stored', { didMode: 'stored' }],
    ['ADMISSION_MODE', 'strict', { admissionMode: 'strict' }],
    ['SUBNET_DIVERSITY', 'off', { subnetDiversity: 'off' }],
    ['ALLOW_LOOPBACK', 'true', { allowLoopback: true }],
    ['NATS_ADDRESS', 'nats://alpha', { natsAddress: 'nats://alpha' }],
    ['WALLET_ADDRESS', 'w', { walletAddress: 'w' }],
    ['DHT_SERVER', '1', { dhtServer: true }],
  ])('of the daemon: %s', (key, value, effect) => {
    expect(environment({ [`OCDISCOVERY_${key}`]: value }).settings).toMatchObject(effect);
    expect(load({ standardFiles: [file('discovery.json', { [key]: value })] }).settings).toMatchObject(
      effect,
    );
  });

  test.each<[key: string, value: string, effect: object]>([
    ['NODE_ENDPOINT_PORT', '0', { port: 0 }],
    ['LISTEN_HOST', '127.0.0.1', { listenHost: '127.0.0.1' }],
    ['PSK_PATH', '/psk', { pskPath: '/psk' }],
    ['PRIVATE_KEY_PATH', '/a', { privateKeyPath: '/a', publicKeyPath: undefined }],
    ['PUBLIC_KEY_PATH', '/b', { publicKeyPath: '/b' }],
    ['STORE_URL', 'file:///var/lib/oc', { store: { kind: 'file', directory: '/var/lib/oc' } }],
    ['STORE_URL', 'memory:', { store: { kind: 'memory' } }],
    ['ANNOUNCE_ADDRESSES', '/dns4/a.example/tcp/4001', { announceAddresses: ['/dns4/a.example/tcp/4001'] }],
    ['STATUS_PORT', '9100', { statusPort: 9100 }],
    ['STATUS_PORT', 'any', { statusPort: 0 }],
    ['STATUS_PORT', '0', { statusPort: undefined }],
    ['LOG_LEVEL', 'trace', { logLevel: 'debug' }],
    ['LOG_FORMAT', 'json', { logFormat: 'json' }],
  ])('of the process: %s=%s', (key, value, effect) => {
    expect(environment({ [`OCDISCOVERY_${key}`]: value }).process).toMatchObject(effect);
  });

  test('keys are made only on request', () => {
    expect(environment({ OC_GENERATE_KEYS: '1' }).process.generateKeys).toBe(true);
  });
});

describe('sources', () => {
  test('later files win over earlier ones, the prefixed variable over the plain one and both over files', () => {
    const { settings } = load({
      standardFiles: [
        file('/etc/oc/discovery.json', { NAME: 'etc', MAX_NODES: 1, MAX_INDEXER: 1, MIN_INDEXER: 0 }),
        file('./discovery.json', { NAME: 'here', MAX_NODES: 2, MAX_INDEXER: 2 }),
      ],
      environment: { NAME: 'plain', OCDISCOVERY_NAME: 'prefixed', MAX_NODES: '3', HOME: '/root' },
    });
    expect(settings).toMatchObject({ name: 'prefixed', maxNodes: 3, maxIndexer: 2, minIndexer: 0 });
  });

  test('unknown keys are warned of and left out', () => {
    const { warnings } = load({
      standardFiles: [file('./discovery.json', { NODE_MOD: 'indexer', MONGO_URL: 'mongodb://x' })],
      environment: { OCDISCOVERY_MAX_NODE: '4', MAX_NODE: '4' },
    });
    expect(warnings).toEqual([
      './discovery.json:1: there is no setting "node-mod"; did you mean node-mode?',
      expect.stringContaining('there is no setting "mongo-url"'),
      'environment OCDISCOVERY_MAX_NODE: there is no such setting; did you mean OCDISCOVERY_MAX_NODES?',
    ]);
  });

  test('a bad value is refused with one line per key', () => {
    expect(
      problemsOf({
        OCDISCOVERY_MAX_NODES: 'many',
        OCDISCOVERY_MAX_INDEXER: '0',
        OCDISCOVERY_SEARCH_TIMEOUT: '-1',
        OCDISCOVERY_DID_MODE: 'none',
        OCDISCOVERY_ALLOW_LOOPBACK: 'perhaps',
        OCDISCOVERY_NODE_ENDPOINT_PORT: '70000',
        OCDISCOVERY_STATUS_PORT: '70000',
        OCDISCOVERY_STORE_URL: 'mongodb://x',
        OCDISCOVERY_ANNOUNCE_ADDRESSES: '10.0.0.1:4001',
        OCDISCOVERY_LISTEN_HOST: 'here',
        OCDISCOVERY_NAME: 'x'.repeat(129),
      }).map((line) => /^environment OCDISCOVERY_(\w+): /.exec(line)?.[1]),
    ).toEqual([
      'NAME',
      'DID_MODE',
      'NODE_ENDPOINT_PORT',
      'LISTEN_HOST',
      'ANNOUNCE_ADDRESSES',
      'ALLOW_LOOPBACK',
      'STORE_URL',
      'MAX_INDEXER',
      'SEARCH_TIMEOUT',
      'MAX_NODES',
      'STATUS_PORT',
    ]);
  });

  test('settings that contradict each other are refused', () => {
    expect(problemsOf({ OCDISCOVERY_MIN_INDEXER: '6' })).toEqual([
      'environment OCDISCOVERY_MIN_INDEXER: min-indexer 6 is more than max-indexer 5',
    ]);
  });
});

describe('NODE_MODE', () => {
  test.each([
    ['node', { node: true, indexer: false }],
    ['indexer', { node: false, indexer: true }],
    ['node,indexer', { node: true, indexer: true }],
    ['indexer+node', { node: true, indexer: true }],
  ])('%s', (mode, roles) => {
    expect(environment({ OCDISCOVERY_NODE_MODE: mode }).settings.roles).toEqual(roles);
  });

  test.each([
    ['native-indexer', 'was removed'],
    ['node,native-indexer', 'was removed'],
    ['observer', 'names no role'],
  ])('%s is refused', (mode, reason) => {
    const [problem] = problemsOf({ OCDISCOVERY_NODE_MODE: mode });
    expect(problem).toContain('environment OCDISCOVERY_NODE_MODE');
    expect(problem).toContain(reason);
  });
});

describe('TIME_SCALE', () => {
  test('is refused outside tests', () => {
    expect(problemsOf({ OCDISCOVERY_TIME_SCALE: '0.1' })).toEqual([
      'environment OCDISCOVERY_TIME_SCALE: only for tests; refused unless OC_TEST=1',
    ]);
    expect(problemsOf({ OCDISCOVERY_TIME_SCALE: '0.1', OC_TEST: 'yes' })).toHaveLength(1);
    expect(problemsOf({ OCDISCOVERY_TIME_SCALE: '1' })).toEqual([]);
  });

  test('scales the durations of the settings, too', () => {
    const { settings, process } = environment({ OC_TEST: '1', TIME_SCALE: '0.1', SEARCH_TIMEOUT: '10' });
    expect(process.timeScale).toBe(0.1);
    expect(settings).toMatchObject({ searchTimeoutMs: 1_000, searchMaxMs: 6_000, connWindowMs: 3_000 });
  });
});

describe('seeds', () => {
  test('of one peer are put together, and what cannot be read is left out with a warning', () => {
    const addresses = [`/ip4/10.0.0.1/tcp/1/p2p/${A}`, 'nonsense', `/ip4/10.0.0.2/tcp/2/p2p/${A}`];
    const { settings, warnings } = environment({
      INDEXER_ADDRESSES: [...addresses, `/ip4/10.0.0.3/tcp/3/p2p/${B}`, '/ip4/10.0.0.3/tcp/3'].join(','),
    });
    expect(settings.indexerAddresses).toEqual([
      { ID: A, Addrs: ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/2'] },
      { ID: B, Addrs: ['/ip4/10.0.0.3/tcp/3'] },
    ]);
    expect(warnings).toEqual([
      expect.stringContaining('environment INDEXER_ADDRESSES: "nonsense" is left out'),
      expect.stringContaining('"/ip4/10.0.0.3/tcp/3" is left out'),
    ]);
    expect(withoutSelf(settings, A).indexerAddresses.map(({ ID }) => ID)).toEqual([B]);
  });
});

test('what does nothing in this version says so', () => {
  const { warnings } = environment({
    OCDISCOVERY_PEER_IDS: '/ip4/10.0.0.1/tcp/1',
    NATIVE_INDEXER_ADDRESSES: 'x',
    NATS_URL: 'nats://user:password@nats:4222',
  });
  expect(warnings).toEqual([
    'environment NATS_URL: ignored. Of the bridge to NATS, which this version does not have.',
    'environment OCDISCOVERY_PEER_IDS: ignored. Deprecated: static partner addresses.',
    'environment NATIVE_INDEXER_ADDRESSES: ignored. Of a tier that was removed.',
  ]);
  expect(load({ standardFiles: [file('f.json', { NATS_URL: '' })] }).warnings).toEqual([]);
});
