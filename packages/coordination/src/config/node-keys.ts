/** Settings of the node itself: where it listens, who it belongs to, what it keeps, where it pulls from (coordination spec 21). */

import type { Settings } from '@muster/core';
import { parseHostPort } from '../members/published-address.ts';
import { parseEndpoint } from '../origin/registry-table.ts';
import { base, groupOf, MANY } from './setting-group.ts';

const hostPort = (text: string): string | undefined =>
  parseHostPort(text) === undefined ? 'not of the form host:port' : undefined;

const absolute = (path: string): string | undefined =>
  path.startsWith('/') ? undefined : 'not an absolute path';

const endpoint = (text: string): string | undefined => {
  try {
    parseEndpoint(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

const multiaddr = (text: string): string | undefined =>
  /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/(tcp|udp)\/\d+(\/|$)/.test(text)
    ? undefined
    : 'not a multiaddr such as /ip4/0.0.0.0/tcp/4001';

const ORIGINS = 'Origins';
const listeners = groupOf('Listeners');
const network = groupOf('Peer network');
const members = groupOf('Members');
const cache = groupOf('Content store');
const origins = groupOf(ORIGINS);

export const placeKeys = {
  'mirror-listen': listeners.text(
    'mirror-listen',
    '127.0.0.1:5000',
    'Where the container runtime of this machine asks.',
    hostPort,
  ),
  'mirror-bind-allow-non-loopback': listeners.flag(
    'mirror-bind-allow-non-loopback',
    false,
    'Let the mirror listen where other machines reach it. It answers everybody with the credentials of this node.',
  ),
  'transfer-listen': listeners.text(
    'transfer-listen',
    '0.0.0.0:5001',
    'Where other nodes copy from.',
    hostPort,
  ),
  'metrics-listen': listeners.text('metrics-listen', '0.0.0.0:9095', 'Where monitoring asks.', hostPort),
  'libp2p-listen': network.list(
    'libp2p-listen',
    'Multiaddrs to listen on. Unless given: TCP on any free port.',
    multiaddr,
  ),
  'libp2p-announce': network.list('libp2p-announce', 'Further multiaddrs to hand out.', multiaddr),
  'libp2p-identity-path': network.text(
    'libp2p-identity-path',
    '/var/lib/gantry/libp2p.key',
    'Identity file, of libp2p or PEM; made when missing. Empty = another identity at each start.',
  ),
  'libp2p-bootstrap-peers': network.list(
    'libp2p-bootstrap-peers',
    'Multiaddrs with /p2p of peers to begin with.',
    (text) => (/\/p2p\/[^/]+$/.test(text) ? multiaddr(text) : 'has no /p2p/<peer id> at its end'),
  ),
  'psk-path': network.text(
    'psk-path',
    '',
    'Pre-shared key of a private network (`muster keys psk`). Empty = open to all who reach it, as the original is.',
  ),
  'conn-low': network.integer('conn-low', 600, 1, MANY, 'Connections that stay when idle ones are closed.'),
  'conn-high': network.integer('conn-high', 900, 1, MANY, 'Connections above which idle ones are closed.'),
  'conn-grace': network.duration('conn-grace', '1m', 'Younger connections are not closed.', '0s'),
} as const satisfies Settings;

export const memberKeys = {
  'members-source': members.choice(
    'members-source',
    'auto',
    ['auto', 'kubernetes', 'file', 'registry', 'single'],
    'Who is in the cluster: pods, a file or folder, a network of a registry, or this node alone. auto = kubernetes with node-name and pod-name, file with members-file or members-announce-dir, else single.',
  ),
  'node-name': members.text('node-name', '', 'Name of this node. Unless given: its peer id.'),
  'pod-name': members.text('pod-name', '', 'Name of the own pod, which is annotated.'),
  'pod-ip': members.text(
    'pod-ip',
    '',
    'Address of this pod or machine; published where a listener is bound to all addresses.',
  ),
  zone: members.text('zone', '', 'Zone of this node, where the source of members does not know it.'),
  'members-namespace': members.text('members-namespace', '', 'Namespace of the pods.'),
  'members-label-selector': members.text(
    'members-label-selector',
    'app.kubernetes.io/name=gantry',
    'Labels of the pods.',
  ),
  'zone-label-key': members.text(
    'zone-label-key',
    'topology.kubernetes.io/zone',
    'Label of nodes that names their zone.',
  ),
  'members-file': members.text('members-file', '', 'JSON file with the nodes; checked every second.'),
  'members-announce-dir': members.text(
    'members-announce-dir',
    '',
    'Folder where each node announces itself and finds the others.',
  ),
  'members-registry': members.text(
    'members-registry',
    '',
    'Registry whose nodes with the tag mirror are the members, host:port. Further tags say where they listen: transfer-5001, p2p-4001, zone-a. Each has the key of its node as its identity.',
    (text) => (text === '' ? undefined : hostPort(text)),
  ),
  'members-network': members.text('members-network', '', 'Network of that registry, a number.', (text) =>
    /^\d{0,9}$/.test(text) ? undefined : 'not a number',
  ),
} as const satisfies Settings;

export const storeKeys = {
  'cache-dir': cache.text('cache-dir', '/var/lib/gantry/cache', 'Folder of the content store.', absolute),
  'cache-budget-bytes': cache.size(
    'cache-budget-bytes',
    '53687091200',
    'What the store may take; the least recently used goes first.',
    '1',
  ),
  'cache-forced-eviction-headroom-pct': cache.integer(
    'cache-forced-eviction-headroom-pct',
    5,
    0,
    99,
    'Free disk space to keep, percent of the budget. 0 = never evict for it.',
  ),
  'eviction-provider-count-threshold': cache.integer(
    'eviction-provider-count-threshold',
    3,
    1,
    MANY,
    'Objects with fewer providers are kept longer.',
  ),
  'store-verify-on-start': cache.choice(
    'store-verify-on-start',
    'background',
    ['off', 'background', 'full'],
    'Whether stored objects are read and compared with their digests.',
  ),
  'upstream-registries': {
    ...base({
      key: 'upstream-registries',
      group: ORIGINS,
      description:
        'Registries to pull from, as name=https://endpoint; in the file with credentials_path and ns_alias, too.',
    }),
    type: 'records',
    default: [],
    fields: {
      name: { isRequired: true },
      endpoint: { isRequired: true, check: endpoint },
      credentials_path: {},
      ns_alias: {},
    },
  },
  'origin-failure-cooldown-initial': origins.duration(
    'origin-failure-cooldown-initial',
    '10s',
    'How long an origin is left alone after a first failure for an object.',
  ),
  'origin-failure-cooldown-max': origins.duration(
    'origin-failure-cooldown-max',
    '10m',
    'The longest of these times.',
  ),
  'origin-failure-cooldown-multiplier': origins.number(
    'origin-failure-cooldown-multiplier',
    3,
    1,
    'By which they grow with each failure; 1 = not at all.',
  ),
  'origin-failure-honor-window-cap': origins.duration(
    'origin-failure-honor-window-cap',
    '30s',
    'How long a failure that another node reports is believed at most.',
  ),
  'origin-failure-classes-trusted-cluster-wide': origins.list(
    'origin-failure-classes-trusted-cluster-wide',
    'Failures that are believed on the word of one node. Unless given: auth, not_found, rate_limited.',
  ),
  'origin-connect-timeout': origins.duration(
    'origin-connect-timeout',
    '10s',
    'For a connection to an origin.',
  ),
  'origin-header-timeout': origins.duration(
    'origin-header-timeout',
    '30s',
    'From there to the headers of its answer.',
  ),
  'origin-idle-timeout': origins.duration(
    'origin-idle-timeout',
    '30s',
    'The longest wait for the next bytes.',
  ),
  'origin-max-requests-per-second': origins.integer(
    'origin-max-requests-per-second',
    0,
    0,
    MANY,
    'Requests to each origin a second. 0 = no limit.',
  ),
} as const satisfies Settings;
