import { EventBus, silentLogger, systemClock, systemTimers } from '@muster/core';
import { discoveryConstants } from '../../src/constants.ts';
import type { DiscoveryEvents } from '../../src/events.ts';
import type { IndexerStatus, StatusSource } from '../../src/http/index.ts';
import type { Overlay } from '../../src/overlay/overlay.ts';
import type { NodeRecord, Pool, PoolEntryView } from '../../src/parts.ts';
import { UptimeTracker } from '../../src/scoring/uptime.ts';
import type { FoundPeer, SearchEnd } from '../../src/search/search-client.ts';
import { DEFAULT_SETTINGS } from '../../src/settings.ts';
import { RELATIONS, type StoredPeer } from '../../src/stores/peer-store.ts';

export const SELF = '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust';
export const INDEXER = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq';

/** An entry of the pool with full marks, or as `changes` say. */
export function poolEntry(changes: Partial<PoolEntryView> = {}): PoolEntryView {
  return {
    peer: INDEXER,
    addresses: ['/ip4/10.0.0.1/tcp/4001'],
    isSeed: false,
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
    evidence: { totalOnlineMs: 600_000, verificationsPassed: 0, verificationsFailed: 0 },
    ageMs: 600_000,
    fillRate: 0,
    bornAt: undefined,
    lastSeen: undefined,
    rttMs: 12,
    consecutiveFails: 0,
    silent: 0,
    suspendedUntil: undefined,
    ...changes,
  };
}

/** A pool that holds these entries and does nothing. */
export function fixedPool(entries: readonly PoolEntryView[] = []): Pool {
  return {
    size: entries.length,
    maxSize: 5,
    healthyCount: entries.filter(({ isHealthy }) => isHealthy).length,
    has: (peer) => entries.some((entry) => entry.peer === peer),
    reachable: () => entries.map(({ peer, addresses }) => ({ ID: peer, Addrs: addresses })),
    view: () => entries,
    entry: (peer) => entries.find((entry) => entry.peer === peer),
    witnessReport: () => ({ seen: false }),
    isQuarantined: () => false,
    quarantined: () => [],
    consider: () => false,
    noteKnownPeer() {},
    drop() {},
    nudge() {},
  };
}

/** An indexer with these nodes. */
export function indexerStatus(records: readonly NodeRecord[] = []): IndexerStatus {
  const table = {
    size: records.length,
    maxNodes: 500,
    fillRate: records.length / 500,
    get: (peer: string) => records.find((record) => record.peer === peer),
    has: (peer: string) => records.some((record) => record.peer === peer),
    values: () => records,
    notePublished() {},
  };
  return {
    facts: { bornAt: 1_780_000_000_000, table, cachedScore: () => 0.5 },
    behaviour: { bans: () => [{ peer: SELF, forMs: 1_500, strikes: 1 }] },
    suggestions: { list: () => [{ ID: INDEXER, Addrs: [] }] },
    referenced: { size: 2 },
  };
}

export function nodeRecord(peer: string): NodeRecord {
  return {
    peer,
    did: undefined,
    verified: undefined,
    addresses: [],
    tracker: new UptimeTracker(0, 120_000),
    expiresAt: 0,
    lastScore: 50,
    localScore: undefined,
    isIndexer: false,
  };
}

const overlay = {
  self: SELF,
  addresses: () => ['/ip4/127.0.0.1/tcp/4001'],
  connections: () => [],
  dht: { mode: 'client', isStarted: true, routingTableSize: 3 },
} as unknown as Overlay;

/** A daemon without a network, for the status endpoint. */
export function statusSource(changes: Partial<StatusSource> = {}): StatusSource {
  const blacklisted = { id: 'did', peer_id: 'bad', name: 'bad', relation: RELATIONS.BLACKLIST } as StoredPeer;
  return {
    context: {
      self: SELF,
      settings: DEFAULT_SETTINGS,
      constants: discoveryConstants(),
      clock: systemClock,
      timers: systemTimers,
      logger: silentLogger,
      events: new EventBus<DiscoveryEvents>({ onListenerError: () => {} }),
      overlay,
      peers: {
        get: () => undefined,
        findByPeerId: () => undefined,
        list: () => [blacklisted],
        upsert: async () => {},
        self: () => undefined,
        watch: () => () => {},
      },
    },
    version: '1.2.3',
    name: 'alpha',
    did: undefined,
    startedAt: 1_780_000_000_000,
    isReady: true,
    notReadyReasons: () => ['no healthy indexer'],
    pool: fixedPool([poolEntry()]),
    indexer: undefined,
    search: searchOf(async function* () {}),
    lookup: async (peerId) => storedPeer(peerId),
    renderMetrics: async () => 'oc_ready 1\n',
    ...changes,
  };
}

export function foundPeer(peerId: string, name = 'beta'): FoundPeer {
  return { peer_id: peerId, did: 'd', name, isVerified: true };
}

export function storedPeer(peerId: string): StoredPeer {
  return {
    id: 'd',
    name: 'beta',
    peer_id: peerId,
    public_key: '',
    api_url: '',
    stream_address: '',
    nats_address: '',
    wallet_address: '',
    relation: RELATIONS.PARTNER,
    verify: true,
    updated_at: 1_780_000_000_000,
  };
}

/** A search that finds what `hits` yields, and ends for `reason` after that. */
export function searchOf(
  hits: (needle: string, signal: AbortSignal) => AsyncIterable<FoundPeer>,
  reason: SearchEnd['reason'] = 'complete',
): StatusSource['search'] {
  return (needle, signal) => {
    const ended = Promise.withResolvers<SearchEnd>();
    let count = 0;
    return {
      key: 'key',
      ended: ended.promise,
      cancel() {},
      async *[Symbol.asyncIterator]() {
        try {
          for await (const hit of hits(needle, signal)) {
            count += 1;
            yield hit;
          }
        } finally {
          ended.resolve({ reason, hits: count, ms: 1 });
        }
      },
    };
  };
}
