/**
 * Every key of discovery spec section 3, and what is ours. `NODE_MODE` is `--node-mode` on the command line,
 * `OCDISCOVERY_NODE_MODE` (or, with lowest priority, `NODE_MODE`) in the environment, and `NODE_MODE` in files.
 */

import { defineSettings, type Setting, type Settings } from '@muster/core';

/** Files that are read unless they are missing; the later one wins. */
export const DISCOVERY_CONFIG_FILES: readonly string[] = ['/etc/oc/discovery.json', './discovery.json'];
/** Beginning of the environment names; variables that begin so and are no setting are warned of. */
export const DISCOVERY_ENVIRONMENT_PREFIX = 'OCDISCOVERY_';

const ROLE = 'Role and name';
const NETWORK = 'Network';
const KEYS = 'Keys and data';
const POOL = 'Pool and searches';
const LIMITS = 'Limits of an indexer';
const POLICY = 'Policy';
const OPERATION = 'Operation';
/** Heading of what is taken and does nothing, as in the other services. */
const WITHOUT_EFFECT = 'Without effect';

const names = (key: string): readonly string[] => [`${DISCOVERY_ENVIRONMENT_PREFIX}${key}`, key];

/** Zero is written where the default is meant (spec section 3). */
const zeroIsDefault = <const D extends number>(key: string, value: D, group: string, description: string) =>
  ({
    type: 'integer',
    environment: names(key),
    default: value,
    min: 0,
    max: 1_000_000,
    description: `${description} 0 = ${value}.`,
    group,
  }) as const satisfies Setting;

const atMost =
  (length: number) =>
  (text: string): string | undefined =>
    text.length <= length ? undefined : `longer than ${length} characters`;

/** What is wrong with a value of NODE_MODE: roles are found by substring, and the removed tier must not pass for one. */
export function nodeModeProblem(mode: string): string | undefined {
  if (mode.includes('native-indexer')) {
    return 'the tier native-indexer was removed; use indexer';
  }
  if (mode.includes('node') || mode.includes('indexer')) return undefined;
  return 'names no role; use node, indexer or node,indexer';
}

const role = {
  'node-mode': {
    type: 'text',
    environment: names('NODE_MODE'),
    default: 'node',
    check: nodeModeProblem,
    description: 'Roles: node, indexer, or node,indexer.',
    group: ROLE,
  },
  name: {
    type: 'text',
    environment: names('NAME'),
    default: '',
    check: atMost(128),
    description: 'Name by which others find it. Unless given: oc- and the last 6 characters of the peer id.',
    group: ROLE,
  },
  hostname: {
    type: 'text',
    environment: names('HOSTNAME'),
    default: 'localhost',
    check: atMost(512),
    description: 'Address of its API, published in its record.',
    group: ROLE,
  },
  'nats-address': {
    type: 'text',
    environment: names('NATS_ADDRESS'),
    default: '',
    check: atMost(512),
    description: 'Published in its record.',
    group: ROLE,
  },
  'wallet-address': {
    type: 'text',
    environment: names('WALLET_ADDRESS'),
    default: '',
    check: atMost(128),
    description: 'Published in its record.',
    group: ROLE,
  },
  'did-mode': {
    type: 'text',
    environment: names('DID_MODE'),
    choices: ['derived', 'stored'],
    default: 'derived',
    description: 'DID: derived from the peer id, or a random one kept in the store.',
    group: ROLE,
  },
} as const satisfies Settings;

const network = {
  'node-endpoint-port': {
    type: 'integer',
    environment: names('NODE_ENDPOINT_PORT'),
    default: 4001,
    min: 0,
    max: 65_535,
    description: 'TCP port, on all interfaces. 0 = any free one.',
    group: NETWORK,
  },
  'listen-host': {
    type: 'text',
    environment: names('LISTEN_HOST'),
    default: '0.0.0.0',
    check: (host) => (/^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? undefined : 'not an IPv4 address'),
    description: 'IPv4 address to listen on; 127.0.0.1 for a fleet on one machine.',
    group: NETWORK,
  },
  'indexer-addresses': {
    type: 'list',
    environment: names('INDEXER_ADDRESSES'),
    default: [],
    description:
      'Seeds: multiaddrs that end in /p2p/ and the peer id. What cannot be read is left out with a warning.',
    group: NETWORK,
  },
  'announce-addresses': {
    type: 'list',
    environment: names('ANNOUNCE_ADDRESSES'),
    default: [],
    check: (text) =>
      /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}$/.test(text)
        ? undefined
        : 'not a multiaddr such as /ip4/192.0.2.1/tcp/4001',
    description: 'Further multiaddrs under which it can be reached: routers, containers.',
    group: NETWORK,
  },
  'allow-loopback': {
    type: 'boolean',
    environment: names('ALLOW_LOOPBACK'),
    default: false,
    description: 'Hand out loopback addresses, too; for fleets on one machine.',
    group: NETWORK,
  },
  'dht-server': {
    type: 'boolean',
    environment: names('DHT_SERVER'),
    default: false,
    description: 'Serve the hash table also as a pure node. Indexers always do.',
    group: NETWORK,
  },
} as const satisfies Settings;

const keys = {
  'psk-path': {
    type: 'path',
    environment: names('PSK_PATH'),
    default: './psk/psk.key',
    description: 'Swarm key; all members have the same. `muster keys psk` makes one.',
    group: KEYS,
  },
  'private-key-path': {
    type: 'path',
    environment: names('PRIVATE_KEY_PATH'),
    default: './pem/private.pem',
    description:
      'Private key: Ed25519, PKCS#8, PEM, readable by its owner only. `muster keys generate` makes one.',
    group: KEYS,
  },
  'public-key-path': {
    type: 'path',
    environment: names('PUBLIC_KEY_PATH'),
    default: './pem/public.pem',
    description: 'Its public key: SPKI, PEM. Not needed, and not made, when only the private one is named.',
    group: KEYS,
  },
  'generate-keys': {
    type: 'boolean',
    environment: 'OC_GENERATE_KEYS',
    default: false,
    description: 'Make the key files when they are missing.',
    group: KEYS,
  },
  'store-url': {
    type: 'text',
    environment: names('STORE_URL'),
    default: 'file:./data',
    check: (url) => (/^(file:.+|memory:)$/.test(url) ? undefined : 'not file:<folder> or memory:'),
    description: 'Local peers: file:<folder>, or memory: to keep nothing.',
    group: KEYS,
  },
} as const satisfies Settings;

const pool = {
  'min-indexer': {
    type: 'integer',
    environment: names('MIN_INDEXER'),
    default: 1,
    min: 0,
    max: 1_000,
    description: 'Indexers below which it looks for more.',
    group: POOL,
  },
  'max-indexer': {
    type: 'integer',
    environment: names('MAX_INDEXER'),
    default: 5,
    min: 1,
    max: 1_000,
    description: 'Most indexers at a time; a strict indexer takes twice as many.',
    group: POOL,
  },
  'search-timeout': zeroIsDefault(
    'SEARCH_TIMEOUT',
    5,
    POOL,
    'Seconds without a hit after which a search ends.',
  ),
  'search-max-seconds': zeroIsDefault(
    'SEARCH_MAX_SECONDS',
    60,
    POOL,
    'Seconds that a search may take at most.',
  ),
} as const satisfies Settings;

const limits = {
  'max-nodes': {
    type: 'integer',
    environment: names('MAX_NODES'),
    default: 500,
    min: 1,
    max: 100_000,
    description: 'Nodes that it takes.',
    group: LIMITS,
  },
  'max-conn-per-window': zeroIsDefault(
    'MAX_CONN_PER_WINDOW',
    20,
    LIMITS,
    'Strangers that may begin to send heartbeats in one window.',
  ),
  'conn-window-secs': zeroIsDefault('CONN_WINDOW_SECS', 30, LIMITS, 'Seconds of that window.'),
  'max-hb-per-minute': zeroIsDefault('MAX_HB_PER_MINUTE', 5, LIMITS, 'Heartbeats of one peer in 60 s.'),
  'max-publish-per-minute': zeroIsDefault(
    'MAX_PUBLISH_PER_MINUTE',
    10,
    LIMITS,
    'Records that one peer may publish in 60 s.',
  ),
  'max-get-per-minute': zeroIsDefault(
    'MAX_GET_PER_MINUTE',
    50,
    LIMITS,
    'Records that one peer may ask for in 60 s.',
  ),
} as const satisfies Settings;

const policy = {
  'admission-mode': {
    type: 'text',
    environment: names('ADMISSION_MODE'),
    choices: ['normalized', 'strict', 'off'],
    default: 'normalized',
    description:
      'How an indexer judges nodes: normalized to what they can reach, strict as the source has it, or not at all.',
    group: POLICY,
  },
  'subnet-diversity': {
    type: 'text',
    environment: names('SUBNET_DIVERSITY'),
    choices: ['strict', 'soft', 'off'],
    default: 'soft',
    description: 'Indexers of one subnet in a pool: refused, last choice, or like any others.',
    group: POLICY,
  },
} as const satisfies Settings;

const operation = {
  'status-port': {
    type: 'text',
    environment: names('STATUS_PORT'),
    default: '0',
    check: (text) =>
      text === 'any' || (/^\d{1,5}$/.test(text) && Number(text) <= 65_535)
        ? undefined
        : 'not a port from 1 to 65535, 0 for off, or any',
    description: 'Loopback port of status, metrics and searches over HTTP. 0 = off, any = any free one.',
    group: OPERATION,
  },
  'log-level': {
    type: 'text',
    environment: names('LOG_LEVEL'),
    choices: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
    description: 'How much is logged, to the standard error. trace is debug.',
    group: OPERATION,
  },
  'log-format': {
    type: 'text',
    environment: names('LOG_FORMAT'),
    choices: ['text', 'json'],
    default: 'text',
    description: 'Text for people, or one JSON object per line.',
    group: OPERATION,
  },
  'time-scale': {
    type: 'number',
    environment: names('TIME_SCALE'),
    default: 1,
    min: 0.001,
    max: 100,
    description: 'For tests, refused unless OC_TEST=1: multiplies every duration of the protocols.',
    group: OPERATION,
  },
} as const satisfies Settings;

const without = (key: string, description: string) =>
  ({ type: 'text', environment: names(key), description, group: WITHOUT_EFFECT }) as const satisfies Setting;

const withoutEffect = {
  'nats-url': without('NATS_URL', 'Of the bridge to NATS, which this version does not have.'),
  'nats-prefix': without('NATS_PREFIX', 'Of the bridge to NATS, which this version does not have.'),
  'max-event-bytes': without('MAX_EVENT_BYTES', 'Of resource events, which this version does not have.'),
  'peer-ids': without('PEER_IDS', 'Deprecated: static partner addresses.'),
  'native-indexer-addresses': without('NATIVE_INDEXER_ADDRESSES', 'Of a tier that was removed.'),
} as const satisfies Settings;

/** Everything that a node or an indexer can be told. */
export const discoverySettings = defineSettings({
  ...role,
  ...network,
  ...keys,
  ...pool,
  ...limits,
  ...policy,
  ...operation,
  ...withoutEffect,
});
