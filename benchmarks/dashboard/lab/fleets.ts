/** Fleets for tests and benchmarks of the page: made from numbers, so that they are the same each time. */

import type {
  FleetSnapshot,
  HappeningView,
  PeerState,
  PeerView,
  PullView,
  ScoreView,
  SeriesView,
} from '@muster/dashboard';

export const MIB = 1024 * 1024;

/** Numbers that look like chance and are always the same. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A snapshot of nothing. */
export function emptyFleet(at: number): FleetSnapshot {
  return {
    protocol: 1,
    seq: 0,
    at,
    title: 'dev fleet',
    version: '0.1.0',
    peers: [],
    scores: [],
    pulls: [],
    series: [],
    sources: [],
    happenings: [],
    unlistedPeers: 0,
  };
}

/** One peer; what is not said is usual. */
export function peer(id: string, more: Partial<PeerView> = {}): PeerView {
  return {
    id,
    name: id,
    roles: ['node'],
    state: 'online',
    tags: [],
    networks: [1],
    sources: ['registry', 'overlay'],
    links: [],
    ...more,
  };
}

const NODES = ['alpha', 'bravo', 'charlie', 'delta'];
const INDEXERS = ['indexer-1', 'indexer-2'];
const MIRRORS = ['mirror-1', 'mirror-2', 'mirror-3', 'mirror-4'];
const KEY = '12D3KooWMs2sWmc7yxXBbQPZLfJNzkjBrwqzvJ9fJgYvAqoS3x';

/** The fleet of `muster dev`, after an indexer was found lying and an image was pulled. */
export function smallFleet(at: number): FleetSnapshot {
  const id = (name: string): string => `${KEY}${name}`;
  const identity = (name: string, node: number): Partial<PeerView> => ({
    name,
    peerId: id(name),
    nodeId: node,
    did: `did:key:z6Mk${id(name).slice(8)}`,
    address: `127.0.0.1:${4_000 + node}`,
    lastSeenAt: at - node * 700,
    pid: 41_000 + node,
  });
  const peers: PeerView[] = [
    peer('process:registry', {
      name: 'registry',
      roles: ['registry'],
      sources: ['supervisor', 'registry'],
      lastSeenAt: at,
      pid: 41_000,
      address: '127.0.0.1:9000',
    }),
    ...INDEXERS.map((name, index) =>
      peer(id(name), {
        ...identity(name, 1 + index),
        roles: ['indexer'],
        tags: ['indexer', 'p2p-4001', 'zone-a'],
        state: 'online',
      }),
    ),
    ...NODES.map((name, index) =>
      peer(id(name), {
        ...identity(name, 10 + index),
        tags: ['node', `p2p-${4_010 + index}`, index % 2 === 0 ? 'zone-a' : 'zone-b'],
        links: index === 3 ? [id('indexer-1')] : INDEXERS.map(id),
        state: name === 'delta' ? 'stale' : 'online',
      }),
    ),
    ...MIRRORS.map((name, index) =>
      peer(id(name), {
        ...identity(name, 20 + index),
        roles: ['mirror'],
        tags: ['mirror', `transfer-${5_000 + index}`, 'zone-a'],
        links: index === 0 ? ['process:origin'] : [id('mirror-1')],
        state: name === 'mirror-4' ? 'unreachable' : 'online',
        sources: ['registry', 'mirror'],
      }),
    ),
    peer('process:origin', {
      name: 'origin',
      roles: ['origin'],
      sources: ['supervisor'],
      networks: [],
      lastSeenAt: at,
    }),
  ];
  return {
    ...emptyFleet(at),
    seq: 12,
    peers,
    scores: NODES.flatMap((observer, row) =>
      INDEXERS.map((subject, column) => score(at, id(observer), id(subject), row, column)),
    ),
    pulls: pullsOf(at, MIRRORS.map(id)),
    series: seriesOf(at, 300),
    sources: [
      { id: 'registry', kind: 'registry', address: '127.0.0.1:9001', state: 'ok', since: at - 300_000 },
      { id: 'alpha', kind: 'overlay', address: '127.0.0.1:9100', state: 'ok', since: at - 290_000 },
      {
        id: 'mirror-4',
        kind: 'mirror',
        address: '127.0.0.1:9204',
        state: 'failed',
        since: at - 8_000,
        error: 'connect ECONNREFUSED 127.0.0.1:9204',
      },
    ],
    durability: {
      mode: 'batch',
      lastSyncAt: at - 420,
      logBytes: 3.4 * MIB,
      lastSnapshotAt: at - 185_000,
      snapshotBytes: 0.7 * MIB,
      appliedSeq: 1_204,
      durableSeq: 1_204,
    },
    happenings: happeningsOf(at, id),
  };
}

function score(at: number, observer: string, subject: string, row: number, column: number): ScoreView {
  const isLiar = column === 1;
  const standing = isLiar ? (row === 3 ? 'evicted' : 'suspended') : 'in pool';
  const history = Array.from({ length: 60 }, (_, step): readonly [number, number] => {
    const fall = isLiar && step > 35 ? Math.min(60, (step - 35) * (2.4 + row * 0.3)) : 0;
    return [at - (60 - step) * 5_000, Math.max(4, 82 + row * 3 + Math.sin(step / 4 + row) * 3 - fall)];
  });
  return {
    id: `${observer}/${subject}`,
    observer,
    subject,
    score: history.at(-1)?.[1] ?? 0,
    minimum: 40,
    standing,
    ...(isLiar
      ? {
          reason:
            row === 3 ? 'two witnesses contradict its answers' : 'answers differ from those of witnesses',
        }
      : {}),
    terms: [
      {
        name: 'uptime',
        value: 0.99 - row * 0.01,
        weight: 0.2,
        evidence: '59 of 60 heartbeats answered in the last 5 min',
      },
      {
        name: 'latency',
        value: 0.9,
        weight: 0.15,
        evidence: 'median round trip 1.8 ms, 95th percentile 4.1 ms',
      },
      {
        name: 'honesty',
        value: isLiar ? 0.05 : 1,
        weight: 0.4,
        evidence: isLiar
          ? '1 of 14 challenges agrees with the witnesses'
          : '14 of 14 challenges agree with the witnesses',
      },
      {
        name: 'completeness',
        value: isLiar ? 0.4 : 0.96,
        weight: 0.25,
        evidence: `finds ${isLiar ? 2 : 5} of 5 known nodes`,
      },
    ],
    history,
  };
}

function pullsOf(at: number, mirrors: readonly string[]): readonly PullView[] {
  const objects = [
    { digest: `sha256:${'3f9a'.repeat(16)}`, kind: 'layer', size: 48 * MIB },
    { digest: `sha256:${'b071'.repeat(16)}`, kind: 'layer', size: 6.5 * MIB },
    { digest: `sha256:${'c9d2'.repeat(16)}`, kind: 'manifest', size: 1_452 },
  ];
  return objects.flatMap(({ digest, kind, size }, object) =>
    mirrors.map((mirror, index): PullView => {
      const startedAt = at - 20_000 - object * 15_000 - index * 40;
      const base = { id: `${mirror}/${digest}/${startedAt}`, digest, kind, mirror, size, startedAt };
      if (object === 0 && index === 3)
        return {
          ...base,
          state: 'failed',
          received: 9 * MIB,
          sources: [{ from: mirrors[0] as string, bytes: 9 * MIB }],
          endedAt: startedAt + 900,
          reason: 'the peer closed the connection',
        };
      if (object === 0 && index === 2)
        return {
          ...base,
          state: 'running',
          received: 31 * MIB,
          sources: [
            { from: mirrors[0] as string, bytes: 20 * MIB },
            { from: mirrors[1] as string, bytes: 11 * MIB },
          ],
        };
      const sources =
        index === 0
          ? [{ from: 'origin', bytes: size }]
          : object === 2
            ? [{ from: 'cache', bytes: size }]
            : [{ from: mirrors[0] as string, bytes: size }];
      return { ...base, state: 'done', received: size, sources, endedAt: startedAt + 300 + index * 120 };
    }),
  );
}

function seriesOf(at: number, length: number): readonly SeriesView[] {
  const wave = (id: string, label: string, unit: string, level: number, swing: number): SeriesView => ({
    id,
    label,
    unit,
    points: Array.from({ length }, (_, step): readonly [number, number] => [
      Math.floor(at / 1000) * 1000 - (length - 1 - step) * 1_000,
      Math.max(0, level + swing * Math.sin(step / 17 + level) + (swing / 3) * Math.sin(step / 3)),
    ]),
  });
  return [
    wave('registry.requests', 'Requests to the registry', '1/s', 240, 60),
    wave('registry.latency.p50', 'Latency of the registry, p50', 'ms', 0.4, 0.1),
    wave('registry.latency.p99', 'Latency of the registry, p99', 'ms', 2.2, 0.9),
    wave('overlay.heartbeats', 'Heartbeats', '1/s', 8, 2),
    wave('pulls.origin-bytes', 'Bytes from the origin', 'bytes/s', 1.2 * MIB, 1.2 * MIB),
    wave('pulls.peer-bytes', 'Bytes between mirrors', 'bytes/s', 5 * MIB, 4 * MIB),
  ];
}

function happeningsOf(at: number, id: (name: string) => string): readonly HappeningView[] {
  const texts: readonly (readonly [HappeningView['severity'], string, string | undefined])[] = [
    ['error', 'delta evicted indexer-2: two witnesses contradict its answers', id('indexer-2')],
    ['warning', 'mirror-4 does not answer', id('mirror-4')],
    ['info', 'mirror-1 got a layer of 48 MiB from the origin', id('mirror-1')],
    ['info', 'delta joined the pool of indexer-1', id('delta')],
    ['info', 'the registry wrote a snapshot of 0.7 MiB', undefined],
  ];
  return texts.map(([severity, text, about], index) => ({
    seq: texts.length - index,
    at: at - 4_000 - index * 21_000,
    severity,
    text,
    ...(about === undefined ? {} : { peer: about }),
  }));
}

const LARGE_INDEXERS = 24;

/** A fleet of `size` peers: one registry, 24 indexers, 60 mirrors, and nodes that deal with two or three indexers each. */
export function largeFleet(at: number, size: number): FleetSnapshot {
  const random = sequence(7);
  const peers: PeerView[] = [
    peer('registry:0', { name: 'registry', roles: ['registry'], lastSeenAt: at }),
    peer('process:origin', { name: 'origin', roles: ['origin'], lastSeenAt: at }),
  ];
  for (let index = 0; index < LARGE_INDEXERS; index++)
    peers.push(
      peer(`indexer-${index}`, {
        roles: ['indexer'],
        lastSeenAt: at,
        tags: ['indexer', `zone-${index % 6}`],
      }),
    );
  for (let index = 0; index < 60; index++)
    peers.push(
      peer(`mirror-${index}`, {
        roles: ['mirror'],
        lastSeenAt: at,
        tags: ['mirror'],
        links: [`mirror-${(index * 7) % 60}`],
      }),
    );
  for (let index = 0; peers.length < size; index++) peers.push(largeNode(index, at, random));
  return { ...smallFleet(at), title: `${size} peers`, peers, scores: [], unlistedPeers: 0 };
}

function largeNode(index: number, at: number, random: () => number): PeerView {
  const home = Math.floor(random() ** 1.6 * LARGE_INDEXERS);
  return peer(`12D3KooW${String(index).padStart(8, '0')}Node`, {
    name: `node-${index}`,
    state: stateBy(random()),
    nodeId: index + 100,
    address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:4001`,
    lastSeenAt: at - Math.floor(random() * 60_000),
    tags: ['node', `zone-${home % 6}`, 'p2p-4001'],
    networks: [1 + (home % 3)],
    links: [`indexer-${home}`, `indexer-${(home + 5) % LARGE_INDEXERS}`],
  });
}

function stateBy(chance: number): PeerState {
  if (chance < 0.94) return 'online';
  if (chance < 0.97) return 'stale';
  return chance < 0.99 ? 'unreachable' : 'gone';
}

/** `count` nodes of a large fleet as they are a moment later: seen again, some in another state. */
export function changesOf(
  fleet: FleetSnapshot,
  count: number,
  at: number,
  random: () => number,
): readonly PeerView[] {
  const changed = new Map<string, PeerView>();
  while (changed.size < count) {
    const before = fleet.peers[Math.floor(random() * fleet.peers.length)] as PeerView;
    if (!before.roles.includes('node')) continue;
    changed.set(before.id, { ...before, lastSeenAt: at, state: stateBy(random()) });
  }
  return [...changed.values()];
}
